"""The usual norms."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators.norms.norm import Norm
from seqzoo.scan.precision import wide
from seqzoo.spec import PartSpec

__all__ = ["LayerNorm", "NoNorm", "RmsNorm", "UnitNorm", "unit_norm"]

UNIT_NORM_EPSILON = 1e-12


def unit_norm(x: Tensor, epsilon: float = UNIT_NORM_EPSILON) -> Tensor:
    """x (..., K) / sqrt(|x|^2 + epsilon): norm 1, or less where x is almost 0, never more.

    Computed in float32. What rounding to half precision would leave longer than 1 is made shorter
    by one rounding error first: an erase of strength 2 along it would grow the state.
    """
    w = wide(x)
    unit = w * torch.rsqrt(w.square().sum(-1, keepdim=True) + epsilon)
    if w.dtype == x.dtype:
        return unit
    long = unit.detach().to(x.dtype).float().square().sum(-1, keepdim=True) > 1
    shorter = unit * (1 - torch.finfo(x.dtype).eps / 2)
    return torch.where(long, shorter, unit).to(x.dtype)


class NoNorm(Norm):
    """x as it is."""

    name = "none"

    def forward(self, x: Tensor) -> Tensor:
        """x (...) -> x."""
        return x


class UnitNorm(Norm):
    """x / sqrt(|x|^2 + epsilon): a vector of length 1, or shorter where x is almost 0."""

    name = "unit"
    unit = True

    class Spec(PartSpec):
        """epsilon: added to the squared length; published delta rules use 1e-6."""

        epsilon: float = Field(default=UNIT_NORM_EPSILON, gt=0.0)

    def __init__(self, spec: Spec, size: int) -> None:
        super().__init__(spec, size)
        self.epsilon = spec.epsilon

    def forward(self, x: Tensor) -> Tensor:
        """x (..., size) -> (..., size)."""
        return unit_norm(x, self.epsilon)


class RmsNorm(Norm):
    """w x / sqrt(mean(x^2) + epsilon), w learned from 1."""

    name = "rms_norm"

    class Spec(PartSpec):
        """epsilon: added to the mean square. affine: whether there is w."""

        epsilon: float = Field(default=1e-5, gt=0.0)
        affine: bool = True

    def __init__(self, spec: Spec, size: int) -> None:
        super().__init__(spec, size)
        self.epsilon = spec.epsilon
        self.weight = nn.Parameter(torch.ones(size)) if spec.affine else None

    def forward(self, x: Tensor) -> Tensor:
        """x (..., size) -> (..., size)."""
        weight = None if self.weight is None else self.weight.to(x.dtype)
        return F.rms_norm(x, x.shape[-1:], weight, self.epsilon)


class LayerNorm(Norm):
    """w (x - mean(x)) / sqrt(var(x) + epsilon) + b, w learned from 1 and b from 0."""

    name = "layer_norm"

    class Spec(PartSpec):
        """epsilon: added to the variance. affine: whether there are w and b."""

        epsilon: float = Field(default=1e-5, gt=0.0)
        affine: bool = True

    def __init__(self, spec: Spec, size: int) -> None:
        super().__init__(spec, size)
        self.epsilon = spec.epsilon
        self.weight = nn.Parameter(torch.ones(size)) if spec.affine else None
        self.bias = nn.Parameter(torch.zeros(size)) if spec.affine else None

    def forward(self, x: Tensor) -> Tensor:
        """x (..., size) -> (..., size)."""
        return F.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.epsilon)
