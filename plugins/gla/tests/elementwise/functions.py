"""The few functions that published equations are written with."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["conv", "sigmoid", "silu", "softplus"]


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


def silu(x: Tensor) -> Tensor:
    return x * sigmoid(x)


def softplus(x: Tensor) -> Tensor:
    return torch.log(1 + torch.exp(x))


def conv(seen: list[Tensor], taps: Tensor, bias: Tensor | None = None) -> Tensor:
    """The newest output of a causal convolution of tokens so far (C,) with taps (C, 1, k): (C,)."""
    kernel_size = taps.shape[-1]
    y = torch.zeros_like(seen[-1]) if bias is None else bias
    for back, token in enumerate(reversed(seen[-kernel_size:])):
        y = y + taps[:, 0, kernel_size - 1 - back] * token
    return y
