from seqzoo_prism.released import ReleasedLocalXor


def test_the_marker_solves_it(rows) -> None:
    starts, payload, noise = set(), set(), set()
    different = 0
    for tokens, label in rows(ReleasedLocalXor):
        marker = tokens.index(2)
        a, b = tokens[marker - 2 : marker]
        assert label == (3 if (a % 2 == 0) != (b % 2 == 0) else 4)
        assert tokens[-1] == 1
        payload |= {a, b}
        noise |= set(tokens[: marker - 2] + tokens[marker + 1 : -1])
        starts.add(marker - 2)
        different += label == 3
    assert payload == set(range(5, 22))
    assert noise == set(range(5, 32))
    assert starts == set(range(128 - 8))
    assert abs(different / 20_000 - 2 * (9 / 17) * (8 / 17)) < 0.015
