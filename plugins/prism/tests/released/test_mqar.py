"""The generator is restated from the paper's release: token by token, in plain Python."""

from collections import Counter

from seqzoo_prism.released import ReleasedMqar


def solve(tokens: list[int]) -> int:
    """The token after the asked key's occurrence at an even place."""
    found = [i for i in range(0, len(tokens) - 2, 2) if tokens[i] == tokens[-1]]
    assert len(found) == 1
    return tokens[found[0] + 1]


def test_the_rule_solves_it(rows) -> None:
    places: Counter[int] = Counter()
    answers: Counter[int] = Counter()
    for tokens, label in rows(ReleasedMqar):
        assert solve(tokens) == label
        assert tokens[-2] == 1
        assert all(10 <= token < 32 for token in (*tokens[:-2], tokens[-1]))
        places[next(i for i in range(0, 64, 2) if tokens[i] == tokens[-1])] += 1
        answers[label] += 1
    assert set(places) == set(range(0, 32, 2))
    assert max(places.values()) < 1.2 * 20_000 / 16
    assert set(answers) == set(range(10, 32))


def test_keys_recur_only_as_values(rows) -> None:
    recurring = sum(tokens[:-1].count(tokens[-1]) - 1 for tokens, _ in rows(ReleasedMqar))
    # The asked key is one of 22 ids, and two values are drawn from them.
    assert 0.8 < recurring / (20_000 * 2 / 22) < 1.2
