from collections import Counter

import pytest

from seqzoo_prism.released import ReleasedMux


def candidates(tokens: list[int]) -> list[int]:
    """What each selector says that two channels and the marker follow."""
    found = []
    for i in range(len(tokens) - 4):
        selector, first, second, marker = tokens[i : i + 4]
        if selector in (3, 4) and 5 <= first < 16 <= second < 32 and marker == 2:
            found.append(first if selector == 3 else second)
    return found


def test_the_rule_reaches_the_ceiling_and_no_more(rows) -> None:
    right = first_channel = 0
    for tokens, label in rows(ReleasedMux):
        assert tokens[-1] == 1
        found = candidates(tokens)
        assert label in found
        right += Counter(found).most_common(1)[0][0] == label
        first_channel += label < 16
    assert abs(right / 20_000 - ReleasedMux.ceiling) < 0.01
    assert 0.48 < first_channel / 20_000 < 0.52


@pytest.mark.parametrize("length", [11, 12])
def test_the_burst_starts_below_the_margin(length: int) -> None:
    batch = ReleasedMux.Spec(length=length).build().train_batch(5_000, 0, 0)
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        starts = [i for i in range(length - 10) if tokens[i] in (3, 4) and tokens[i + 3] == 2]
        assert any(tokens[i + tokens[i] - 2] == labels[-1] for i in starts)
