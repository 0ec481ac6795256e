"""A cheaper gain: two thin matrices per step."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor, nn

from seqzoo.operators.place import Dims
from seqzoo.operators.predictors.predictor import Predictor
from seqzoo.operators.predictors.step_linear import StepLinear
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec

__all__ = ["LowRankPredictor"]


class LowRankPredictor(Predictor):
    """p^(l) = W_up^(l) W_down^(l) u + b^(l)."""

    name = "low_rank"

    class Spec(PartSpec):
        """rank: features between the two matrices; null is a quarter of the width.

        bias: every element of b before training.
        """

        rank: PositiveInt | None = None
        bias: float = 0.0

    def __init__(self, spec: Spec, dims: Dims, steps: int = 1) -> None:
        super().__init__(spec, dims, steps)
        self.shape = (steps, dims.heads, dims.value_size)
        self.rank = spec.rank or max(1, dims.width // 4)
        self.down = nn.Linear(dims.width, steps * self.rank, bias=False)
        self.up = StepLinear(steps, self.rank, dims.heads * dims.value_size, spec.bias)

    def forward(self, u: Tensor, stream: Stream) -> Tensor:
        """u (B, T, D) -> p (B, T, R, H, V)."""
        return self.up(self.down(u).unflatten(-1, (self.shape[0], self.rank))).unflatten(
            -1, self.shape[1:]
        )
