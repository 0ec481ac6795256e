"""A few tokens instead of all, where each costs a matrix decomposition."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["MOST", "some_tokens"]

MOST = 256


def some_tokens(x: Tensor, most: int = MOST) -> Tensor:
    """At most this many matrices of x (N, T, H, ...), evenly spread: (M, ...)."""
    flat = x.flatten(0, 2)
    if len(flat) <= most:
        return flat
    return flat[torch.linspace(0, len(flat) - 1, most).round().long()]
