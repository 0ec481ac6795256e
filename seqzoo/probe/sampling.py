"""A few tokens in place of all, where a measurement costs a decomposition each."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["MOST", "some_tokens"]

MOST = 256


def some_tokens(x: Tensor, most: int = MOST) -> Tensor:
    """At most so many matrices of x (N, T, H, ...), evenly spread over all: (M, ...)."""
    flat = x.flatten(0, 2)
    if len(flat) <= most:
        return flat
    return flat[torch.linspace(0, len(flat) - 1, most).round().long()]
