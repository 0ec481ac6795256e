"""Element-wise functions and a norm, written out, and parameters to try the restatements with."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Parameters", "conv", "drawn", "elu1", "gelu", "layer_norm", "sigmoid", "silu"]

Parameters = dict[str, Tensor]


def drawn(seed: int, **shapes: tuple[int, ...]) -> Parameters:
    """Float64 parameters of these shapes, normal with deviation 0.5, that ask for gradients."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: (0.5 * torch.randn(shape, generator=generator, dtype=torch.float64)).requires_grad_()
        for name, shape in shapes.items()
    }


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + e^-x)."""
    return 1 / (1 + torch.exp(-x))


def silu(x: Tensor) -> Tensor:
    """x / (1 + e^-x)."""
    return x / (1 + torch.exp(-x))


def gelu(x: Tensor) -> Tensor:
    """x times the normal distribution function at x."""
    return x * (1 + torch.erf(x / 2**0.5)) / 2


def elu1(x: Tensor) -> Tensor:
    """x + 1 above 0, e^x below."""
    return torch.where(x > 0, x + 1, torch.exp(x.clamp(max=0.0)))


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Of one vector x (n,); 1e-5 is added to its variance."""
    centred = x - x.sum() / len(x)
    variance = (centred * centred).sum() / len(x)
    return weight * centred / torch.sqrt(variance + 1e-5) + bias


def conv(x: Tensor, t: int, taps: Tensor) -> Tensor:
    """A causal depthwise convolution at token t of x (T, D); taps (D, kernel), the newest last."""
    kernel = taps.shape[1]
    total = torch.zeros_like(x[0])
    for back in range(min(kernel, t + 1)):
        total = total + taps[:, kernel - 1 - back] * x[t - back]
    return total
