"""A gated mean of two chunks, the cheapest aggregator that is not associative."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqzoo.operators.aggregators.aggregator import RowAggregator
from seqzoo.operators.place import ChunkDims
from seqzoo.spec import PartSpec

__all__ = ["GatedMean"]


class GatedMean(RowAggregator):
    """g a + (1 - g) b of the older a and the newer b, g = sigmoid(W [a; b]) for each feature."""

    name = "gated_mean"

    def __init__(self, spec: PartSpec, dims: ChunkDims) -> None:
        super().__init__(spec, dims)
        self.gate = nn.Linear(2 * dims.width, dims.width)

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        """(B', C, D) and (B', C, D) -> (B', C, D), place by place."""
        gate = self.gate(torch.cat((older, newer), -1)).sigmoid()
        return torch.lerp(newer, older, gate.to(newer.dtype))
