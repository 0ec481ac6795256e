"""A cheaper gain: two thin matrices and a bias."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor, nn

from seqzoo.operators.operator import Dims
from seqzoo.operators.predictors.predictor import Predictor
from seqzoo.spec import PartSpec

__all__ = ["LowRankPredictor"]


class LowRankPredictor(Predictor):
    """p = W_up W_down u + b."""

    name = "low_rank"

    class Spec(PartSpec):
        """rank: features between the two matrices; null is a quarter of the width.

        bias: every element of b before training.
        """

        rank: PositiveInt | None = None
        bias: float = 0.0

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.shape = (dims.heads, dims.value_size)
        rank = spec.rank or max(1, dims.width // 4)
        self.down = nn.Linear(dims.width, rank, bias=False)
        self.up = nn.Linear(rank, dims.heads * dims.value_size)
        nn.init.constant_(self.up.bias, spec.bias)

    def forward(self, u: Tensor) -> Tensor:
        """u (B, T, D) -> p (B, T, H, V)."""
        return self.up(self.down(u)).unflatten(-1, self.shape)
