from seqzoo_prism.released import ReleasedParity


def test_the_marker_solves_it(rows) -> None:
    starts, odd, recurring = set(), 0, 0
    for tokens, label in rows(ReleasedParity):
        marker = tokens.index(3)
        bits = tokens[marker - 3 : marker]
        assert all(4 <= bit < 8 for bit in bits)
        assert label == (bits[0] % 2) ^ (bits[1] % 2) ^ (bits[2] % 2)
        assert tokens[-1] == 2
        noise = tokens[: marker - 3] + tokens[marker + 1 : -1]
        assert all(4 <= token < 32 for token in noise)
        starts.add(marker - 3)
        odd += label
        recurring += sum(token < 8 for token in noise)
    assert starts == set(range(128 - 8))
    assert 0.48 < odd / 20_000 < 0.52
    assert 0.95 < recurring / (20_000 * 123 * 4 / 28) < 1.05
