from collections import Counter

from seqzoo_prism.released import ReleasedSilenceGate


def candidates(tokens: list[int]) -> list[int]:
    """What each gate says that the asked key follows."""
    found = []
    for i in range(len(tokens) - 5):
        gate, key, value = tokens[i : i + 3]
        if gate in (1, 2) and key == tokens[-1] and 4 <= value < 27:
            found.append(value if gate == 1 else 0)
    return found


def test_the_rule_reaches_the_ceiling_and_no_more(rows) -> None:
    right = silent = 0
    values = set()
    for tokens, label in rows(ReleasedSilenceGate):
        assert tokens[-2] == 3
        assert 4 <= tokens[-1] < 27
        found = candidates(tokens)
        assert label in found
        right += Counter(found).most_common(1)[0][0] == label
        silent += label == 0
        values.add(label)
    assert abs(right / 20_000 - ReleasedSilenceGate.ceiling) < 0.01
    assert 0.48 < silent / 20_000 < 0.52
    assert values == {0, *range(4, 27)}
