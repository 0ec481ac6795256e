"""Attention over documents: its operator, and that operator's own gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqzoo.model import packed_attention as module
from seqzoo.model.packed_attention import documents_at_once, packed_attention
from seqzoo.testing import error_ratio

CU_SEQLENS = torch.tensor([0, 1, 1, 5, 12])  # one token, none, a few, more than the window


def heads(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    each = torch.randn(3, 1, 12, 2, 4, generator=generator, dtype=torch.float64).to(dtype)
    q, k, v = (head.requires_grad_() for head in each)
    return q, k, v


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("scores", [1, 1 << 20], ids=["a-document-at-once", "all-at-once"])
def test_the_operator_gives_what_autograd_gives(
    window: int | None, scores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SCORES", scores)
    results = []
    for call in (packed_attention, torch.ops.seqzoo.packed_attention):
        leaves = heads()
        reads = call(*leaves, CU_SEQLENS, window)
        weights = torch.randn(reads.shape, generator=torch.Generator().manual_seed(1)).double()
        results.append([reads, *torch.autograd.grad((reads * weights).sum(), leaves)])
    for eager, found in zip(*results, strict=True):
        assert error_ratio(found, eager) < 1e-14


def test_half_precision_is_summed_in_single() -> None:
    results = []
    for dtype in (torch.float64, torch.bfloat16):
        leaves = heads(dtype)
        reads = torch.ops.seqzoo.packed_attention(*leaves, CU_SEQLENS, None)
        results.append([reads, *torch.autograd.grad(reads.square().sum(), leaves)])
    for expected, found in zip(*results, strict=True):
        assert found.dtype == torch.bfloat16
        assert error_ratio(found, expected) < 1e-2


@pytest.mark.parametrize("window", [None, 3])
def test_they_are_proper_operators(window: int | None) -> None:
    leaves = heads()
    torch.library.opcheck(torch.ops.seqzoo.packed_attention, (*leaves, CU_SEQLENS, window))
    arguments = (torch.ones(1, 12, 2, 4).double(), *(leaf.detach() for leaf in leaves))
    operator = torch.ops.seqzoo.packed_attention_backward
    torch.library.opcheck(operator, (*arguments, CU_SEQLENS, window))


@pytest.mark.parametrize("last", [11, 13])
def test_documents_that_do_not_end_with_the_tokens_are_refused(last: int) -> None:
    with pytest.raises(RuntimeError, match="does not match"):
        packed_attention(*heads(), torch.tensor([0, 4, last]), None)


@pytest.mark.parametrize(
    ("heads", "longest", "count"), [(2, 1024, 8), (8, 1024, 2), (1, 4096, 1), (4, 100_000, 1)]
)
def test_scores_laid_out_at_once_are_bounded(heads: int, longest: int, count: int) -> None:
    """16 Mi of them."""
    assert documents_at_once(heads, longest) == count
