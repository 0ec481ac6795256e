from seqzoo_prism.released import ReleasedPolyRecall


def test_the_marker_solves_it(rows) -> None:
    starts, recurring = set(), 0
    for tokens, label in rows(ReleasedPolyRecall):
        marker = tokens.index(2)
        assert tokens.count(2) == 1
        first, of_first, second, of_second = tokens[marker + 1 : marker + 5]
        assert first != second
        assert tokens[-1] in (first, second)
        assert label == (of_first if tokens[-1] == first else of_second)
        assert tokens[-2] == 1
        others = tokens[:marker] + tokens[marker + 1 : -2]
        assert all(10 <= token < 32 for token in others)
        starts.add(marker)
        recurring += others.count(tokens[-1]) - 1
    assert starts == set(range(64 - 9))
    assert 0.95 < recurring / (20_000 * 59 / 22) < 1.05
