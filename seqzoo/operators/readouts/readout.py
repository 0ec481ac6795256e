"""The readout family: state reads -> the layer's output."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

from torch import Tensor, nn

from seqzoo.operators.operator import Operator

__all__ = ["HeadNorm", "Readout", "head_norm"]

HeadNorm = Literal["none", "rms_norm", "layer_norm"]

NORM_EPSILON = 1e-5


def head_norm(kind: HeadNorm, value_size: int) -> nn.Module:
    """The norm over each head's V features."""
    if kind == "rms_norm":
        return nn.RMSNorm(value_size, eps=NORM_EPSILON)
    return nn.LayerNorm(value_size, eps=NORM_EPSILON) if kind == "layer_norm" else nn.Identity()


class Readout(Operator, family="readout"):
    """o, x -> y."""

    @abstractmethod
    def forward(self, reads: Tensor, x: Tensor) -> Tensor:
        """reads o (B, T, H, V) and the layer's input x (B, T, D) -> y (B, T, D)."""
