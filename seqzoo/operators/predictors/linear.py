"""The published gain: one matrix per step."""

from __future__ import annotations

from torch import Tensor, nn

from seqzoo.operators.place import Dims
from seqzoo.operators.predictors.predictor import Predictor
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec

__all__ = ["LinearPredictor"]


class LinearPredictor(Predictor):
    """p^(l) = W_p^(l) u (PRISM, Eq. 13), all steps in one product."""

    name = "linear"

    def __init__(self, spec: PartSpec, dims: Dims, steps: int = 1) -> None:
        super().__init__(spec, dims, steps)
        self.shape = (steps, dims.heads, dims.value_size)
        features = steps * dims.heads * dims.value_size
        self.project = nn.Linear(dims.width, features, bias=False)

    def forward(self, u: Tensor, stream: Stream) -> Tensor:
        """u (B, T, D) -> p (B, T, R, H, V)."""
        return self.project(u).unflatten(-1, self.shape)
