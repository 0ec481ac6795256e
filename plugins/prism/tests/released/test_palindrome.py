from seqzoo_prism.released import ReleasedPalindrome


def test_the_marker_solves_it(rows) -> None:
    starts, equal_to_b = set(), 0
    third = fourth = 0
    for tokens, label in rows(ReleasedPalindrome):
        marker = tokens.index(3)
        a, b, c, d = tokens[marker - 4 : marker]
        assert label == (a in (c, d))
        assert not (c == a and d == a)
        assert tokens[-1] == 4
        others = tokens[:marker] + tokens[marker + 1 : -1]
        assert all(5 <= token < 32 for token in others)
        starts.add(marker - 4)
        third += c == a
        fourth += d == a
        equal_to_b += a == b
    assert starts == set(range(128 - 5))
    assert abs(third / 20_000 - 0.25) < 0.01
    assert abs(fourth / 20_000 - 0.25) < 0.01
    assert abs(equal_to_b / 20_000 - 1 / 27) < 0.01
