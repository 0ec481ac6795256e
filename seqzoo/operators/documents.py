"""Documents side by side in one row (B = 1): which document each token belongs to.

`cu_seqlens` (N + 1,), integer, holds the start of each of N documents, and T at its end. A document
may have no tokens. It determines shapes, so it is best kept on the CPU, whatever the device.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["document_of_tokens", "place_in_document"]


def document_of_tokens(cu_seqlens: Tensor, x: Tensor) -> Tensor:
    """(N + 1,) bounds of x (1, T, ...) -> (T,) int64 on its device: each token's document, from 0.

    Raises:
        RuntimeError: the bounds do not end at T.
    """
    documents = torch.arange(len(cu_seqlens) - 1, device=cu_seqlens.device)
    return _each_token(documents, cu_seqlens, x).to(x.device)


def place_in_document(cu_seqlens: Tensor, x: Tensor) -> Tensor:
    """(N + 1,) bounds of x (1, T, ...) -> (T,) int64: how many of its document's tokens are before.

    Raises:
        RuntimeError: the bounds do not end at T.
    """
    tokens = torch.arange(x.shape[1], device=cu_seqlens.device)
    return (tokens - _each_token(cu_seqlens[:-1], cu_seqlens, x)).to(x.device)


def _each_token(numbers: Tensor, cu_seqlens: Tensor, x: Tensor) -> Tensor:
    """(N,), one number per document -> (T,), the number of each token's document."""
    # T is given, not computed from the bounds, so that a compiled graph knows the shape.
    return numbers.repeat_interleave(cu_seqlens.diff(), output_size=x.shape[1])
