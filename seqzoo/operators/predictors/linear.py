"""The published gain: one matrix."""

from __future__ import annotations

from torch import Tensor, nn

from seqzoo.operators.operator import Dims
from seqzoo.operators.predictors.predictor import Predictor
from seqzoo.spec import PartSpec

__all__ = ["LinearPredictor"]


class LinearPredictor(Predictor):
    """p = W_p u (PRISM, Eq. 13)."""

    name = "linear"

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.shape = (dims.heads, dims.value_size)
        self.project = nn.Linear(dims.width, dims.heads * dims.value_size, bias=False)

    def forward(self, u: Tensor) -> Tensor:
        """u (B, T, D) -> p (B, T, H, V)."""
        return self.project(u).unflatten(-1, self.shape)
