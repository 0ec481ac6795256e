"""Queries, keys and values: a matrix, and what a layer may do to its result."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from seqzoo.operators.activations.activation import Activation
from seqzoo.operators.operator import State
from seqzoo.operators.short_conv import ShortConv
from seqzoo.spec import PartSpec, Slot, SpecModel

__all__ = ["Projection", "ProjectionSpec", "unit_norm"]

UNIT_NORM_EPSILON = 1e-12


def unit_norm(x: Tensor) -> Tensor:
    """x (..., K) / sqrt(|x|^2 + 1e-12): norm 1, or less where x is almost 0, never more."""
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + UNIT_NORM_EPSILON)


class ProjectionSpec(SpecModel):
    """How a query, key or value is made of u: norm(act(conv(W u))).

    Attributes:
        kernel_size: of a causal depthwise convolution after the matrix; 1 for none.
        activation: after it.
        norm: none, or unit (each head's vector divided by its length).
    """

    kernel_size: int = Field(default=1, ge=1, le=64)
    activation: Annotated[PartSpec, Slot("activation")] = Field(default=cast("Any", "identity"))
    norm: Literal["none", "unit"] = "none"


class Projection(nn.Module):
    """u (B, T, D) -> (B, T, H, size): queries, keys or values."""

    def __init__(self, spec: ProjectionSpec, width: int, heads: int, size: int) -> None:
        super().__init__()
        self.shape = (heads, size)
        self.project = nn.Linear(width, heads * size, bias=False)
        self.conv = ShortConv(heads * size, spec.kernel_size) if spec.kernel_size > 1 else None
        self.activation: Activation = spec.activation.build()
        self.norm = unit_norm if spec.norm == "unit" else None

    def initial_state(self, like: Tensor) -> State:
        """The convolution's last inputs, or ()."""
        return () if self.conv is None else self.conv.initial_state(like)

    def forward(self, u: Tensor, state: State) -> tuple[Tensor, State]:
        """u (B, T, D), state -> (B, T, H, size), state."""
        x = self.project(u)
        if self.conv is not None:
            x, state = self.conv(x, state)
        return self._finish(x), state

    def packed(self, u: Tensor, cu_seqlens: Tensor) -> Tensor:
        """u (1, T, D) -> (1, T, H, size), for documents side by side."""
        x = self.project(u)
        return self._finish(x if self.conv is None else self.conv.packed(x, cu_seqlens))

    def _finish(self, x: Tensor) -> Tensor:
        x = self.activation(x).unflatten(-1, self.shape)
        return x if self.norm is None else self.norm(x)
