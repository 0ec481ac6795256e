"""Documents side by side in one row (B = 1): which of them each token belongs to.

`cu_seqlens` (N + 1,), integer, holds where each of N documents begins, and T at its end. A document
may have no token. It decides shapes, so it is best kept on the CPU, whatever the device.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["document_of_tokens", "place_in_document"]


def document_of_tokens(cu_seqlens: Tensor, device: torch.device) -> Tensor:
    """(N + 1,) -> (T,) int64 on the device: the document of each token, counted from 0."""
    documents = torch.arange(len(cu_seqlens) - 1, device=cu_seqlens.device)
    return documents.repeat_interleave(cu_seqlens.diff()).to(device)


def place_in_document(cu_seqlens: Tensor, device: torch.device) -> Tensor:
    """(N + 1,) -> (T,) int64 on the device: tokens of its document that stand before each token."""
    starts = cu_seqlens[:-1].repeat_interleave(cu_seqlens.diff())
    return (torch.arange(len(starts), device=cu_seqlens.device) - starts).to(device)
