"""The cache after documents, row by row, and which of its keys a query sees."""

from __future__ import annotations

import pytest
import torch

from seqzoo.model.key_value_cache import cache_mask, right_aligned

CU_SEQLENS = torch.tensor([0, 1, 1, 5])  # one token, none, four


@pytest.mark.parametrize(("past", "window", "length"), [(0, None, 4), (2, None, 6), (2, 3, 2)])
def test_the_newest_tokens_of_each_document_stand_last(
    past: int, window: int | None, length: int
) -> None:
    old = 100.0 + torch.arange(3 * past).view(3, past, 1, 1).expand(-1, -1, 2, 1)
    new = torch.arange(1.0, 6.0).view(1, 5, 1, 1).expand(-1, -1, 2, 1)
    found = right_aligned(old, new, CU_SEQLENS, window)
    assert found.shape == (3, length, 2, 1)
    for row, (begin, end) in enumerate(((0, 1), (1, 1), (1, 5))):
        whole = [*old[row, :, 0, 0].tolist(), *new[0, begin:end, 0, 0].tolist()]
        kept = whole[-length:]
        assert found[row, length - len(kept) :, 0, 0].tolist() == kept


@pytest.mark.parametrize("window", [None, 2])
def test_a_query_sees_what_its_sequence_had_before_it(window: int | None) -> None:
    """Three keys in the cache and two new ones; the second sequence is one token old."""
    positions = torch.tensor([[3, 4], [1, 2]])
    mask = cache_mask(positions, 5, window)
    assert mask.shape == (2, 1, 2, 5)
    for row, before in enumerate((3, 1)):
        for query in range(2):
            own = 3 + query
            first = max(3 - before, 0 if window is None else own + 1 - window)
            wanted = [first <= key <= own for key in range(5)]
            assert mask[row, 0, query].tolist() == wanted
