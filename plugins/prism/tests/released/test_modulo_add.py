from seqzoo_prism.released import ReleasedModuloAdd


def test_the_marker_solves_it(rows) -> None:
    starts, pairs, noise = set(), set(), set()
    for tokens, label in rows(ReleasedModuloAdd):
        marker = tokens.index(30)
        a, b = tokens[marker - 2 : marker]
        assert label == (a + b if a + b < 16 else a + b - 16)
        assert tokens[-1] == 31
        pairs.add((a, b))
        noise |= set(tokens[: marker - 2] + tokens[marker + 1 : -1])
        starts.add(marker - 2)
    assert pairs == {(a, b) for a in range(16) for b in range(16)}
    assert noise == set(range(30))
    assert starts == set(range(128 - 5))
