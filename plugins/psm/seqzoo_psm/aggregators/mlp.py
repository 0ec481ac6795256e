"""An MLP of two chunks, place by place."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from seqzoo.operators import Activation, ChunkDims, RowAggregator
from seqzoo.spec import PartSpec, slot

__all__ = ["MlpAggregator"]


class MlpAggregator(RowAggregator):
    """norm(b + W_2 act(W_1 [a; b])) of the older a and the newer b, place by place."""

    name = "mlp"

    class Spec(PartSpec):
        """ratio: hidden features, in widths. activation: between the two matrices."""

        ratio: float = Field(default=2.0, gt=0.0)
        activation: PartSpec = slot("activation", "gelu")

    def __init__(self, spec: Spec, dims: ChunkDims) -> None:
        super().__init__(spec, dims)
        hidden = max(1, round(spec.ratio * dims.width))
        self.up = nn.Linear(2 * dims.width, hidden)
        self.activation: Activation = spec.activation.build()
        self.down = nn.Linear(hidden, dims.width)
        self.norm = nn.LayerNorm(dims.width)

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        """(B', C, D) and (B', C, D) -> (B', C, D)."""
        both = self.up(torch.cat((older, newer), -1))
        return self.norm(newer + self.down(self.activation(both)))
