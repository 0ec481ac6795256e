"""Derivatives of element-wise functions: closed for the usual activations, derived for others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from seqzoo.operators.activations import Gelu, Identity, Silu, Tanh

__all__ = ["SLOPES", "gelu_slope", "silu_slope", "with_slope"]


def gelu_slope(x: Tensor) -> Tensor:
    """Phi(x) + x phi(x), of the exact GELU."""
    below = (1 + torch.erf(x / math.sqrt(2))) / 2
    return below + x * torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)


def silu_slope(x: Tensor) -> Tensor:
    """sigmoid(x) (1 + x (1 - sigmoid(x)))."""
    s = x.sigmoid()
    return s * (1 + x * (1 - s))


SLOPES: dict[type, Callable[[Tensor], Tensor]] = {
    Identity: torch.ones_like,
    Gelu: gelu_slope,
    Silu: silu_slope,
    Tanh: lambda x: 1 - torch.tanh(x).square(),
}
"""Activation's class -> its derivative."""


def with_slope(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """f(x) and f'(x), element by element, both differentiable.

    What has no closed derivative is derived: by autograd, or in a compiled graph, which cannot hold
    a call of autograd, by torch.func.
    """
    if type(function) in SLOPES:
        return function(x), SLOPES[type(function)](x)
    if torch.compiler.is_compiling():
        derived: Any = torch.func.jvp(function, (x,), (torch.ones_like(x),))
        return derived
    differentiable = torch.is_grad_enabled()
    with torch.enable_grad():
        x = x if x.requires_grad else x.detach().requires_grad_()
        y = function(x)
        (slope,) = torch.autograd.grad(y.sum(), x, create_graph=differentiable)
    return (y, slope) if differentiable else (y.detach(), slope)
