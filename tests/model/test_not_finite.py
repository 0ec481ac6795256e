from __future__ import annotations

import pytest
import torch

from seqzoo.model.not_finite import find_broken


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_tokens_that_are_not_finite_are_found(number: float) -> None:
    keys, values = torch.zeros(2, 5, 1, 3), torch.zeros(2, 5, 1, 3)
    assert find_broken(keys, values) is None
    keys[0, 1, 0, 2] = values[1, 4, 0, 0] = number
    broken = find_broken(keys, values)
    assert broken is not None
    assert broken.nonzero().tolist() == [[0, 1], [1, 4]]


def test_on_the_meta_device_there_are_no_numbers_to_look_at() -> None:
    keys = torch.zeros(2, 5, 1, 3, device="meta")
    assert find_broken(keys, keys) is None
