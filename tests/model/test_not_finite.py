from __future__ import annotations

import pytest
import torch

from seqzoo.model.not_finite import find_broken, mark_broken


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


@pytest.mark.parametrize(
    ("past", "window", "marked"),
    [
        (0, None, [2, 3, 4, 5]),
        (0, 1, [2]),
        (0, 3, [2, 3, 4]),
        (3, None, [0, 1, 2]),  # the broken token is in the cache
        (3, 2, [0]),
    ],
)
def test_every_query_that_sees_a_broken_token_reads_nan(
    past: int, window: int | None, marked: list[int]
) -> None:
    broken = torch.zeros(2, 6, dtype=torch.bool)
    broken[1, 2] = True
    reads = torch.ones(2, 6 - past, 1, 3)
    found = mark_broken(reads, broken, window).isnan()
    assert not found[0].any()
    assert found[1].all(-1).flatten().nonzero().flatten().tolist() == marked
    assert torch.equal(found.any(-1), found.all(-1))


@pytest.mark.parametrize(("window", "marked"), [(None, [2, 3]), (1, [2])])
def test_other_documents_do_not_see_it(window: int | None, marked: list[int]) -> None:
    broken = torch.zeros(1, 6, dtype=torch.bool)
    broken[0, 2] = True
    bounds = torch.tensor([0, 1, 1, 4, 6])
    found = mark_broken(torch.ones(1, 6, 1, 1), broken, window, bounds).isnan()
    assert found.flatten().nonzero().flatten().tolist() == marked
