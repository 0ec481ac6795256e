"""An MLP of two chunks, place by place."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqzoo.operators import ChunkDims, HiddenLayer, HiddenLayerSpec, RowAggregator

__all__ = ["MlpAggregator"]


class MlpAggregator(RowAggregator):
    """norm(b + W_2 act(W_1 [a; b])) of the older a and the newer b, place by place."""

    name = "mlp"

    class Spec(HiddenLayerSpec):
        """ratio: hidden features, in widths. activation: between the two matrices."""

    def __init__(self, spec: Spec, dims: ChunkDims) -> None:
        super().__init__(spec, dims)
        self.mlp = HiddenLayer(spec, 2 * dims.width, dims.width)
        self.norm = nn.LayerNorm(dims.width)

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        """(B', C, D) and (B', C, D) -> (B', C, D)."""
        return self.norm(newer + self.mlp(torch.cat((older, newer), -1)))
