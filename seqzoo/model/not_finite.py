"""Keys and values that are not finite, which a softmax must not spread to earlier tokens.

A masked score is -inf and its weight 0, and 0 times NaN is NaN. So such tokens are removed before
the softmax and accounted for after it: every query that sees one reads NaN.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from seqzoo.operators.documents import document_of_tokens

__all__ = ["find_broken", "mark_broken"]


def find_broken(keys: Tensor, values: Tensor) -> Tensor | None:
    """Which tokens of keys and values (B, T, H, d) are not finite, (B, T) bool; None where all are.

    In a compiled graph, under torch.func and on the meta device, where there are no values to look
    at, it is None.
    """
    transformed = torch._C._are_functorch_transforms_active()
    if torch.compiler.is_compiling() or transformed or keys.is_meta:
        return None
    total = float(keys.detach().sum()) + float(values.detach().sum())
    if math.isfinite(total):  # then every element is
        return None
    wrong = (keys.isfinite() & values.isfinite()).logical_not().flatten(2).any(-1)
    return wrong if bool(wrong.any()) else None


def mark_broken(
    reads: Tensor, broken: Tensor, window: int | None, cu_seqlens: Tensor | None = None
) -> Tensor:
    """NaN for every query that sees a broken token.

    Args:
        reads: (B, T, H, d), of the last T tokens.
        broken: (B, L + T) bool.
        window: tokens seen, the current one included; None is all.
        cu_seqlens: bounds of documents side by side, where L is 0.
    """
    length = reads.shape[1]
    count = torch.nn.functional.pad(broken.long().cumsum(1), (1, 0))  # before each token
    ends = torch.arange(broken.shape[1] - length, broken.shape[1], device=broken.device)
    begins = torch.zeros_like(ends)
    if cu_seqlens is not None:
        document = document_of_tokens(cu_seqlens, reads)
        begins = cu_seqlens.to(reads.device).long()[:-1][document]
    if window is not None:
        begins = torch.maximum(begins, ends + 1 - window)
    seen = count[:, ends + 1] - count[:, begins] > 0
    return reads.masked_fill(seen[..., None, None], math.nan)
