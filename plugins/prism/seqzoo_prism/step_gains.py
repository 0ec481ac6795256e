"""PRISM's gains in every published form: full or low rank, shared, bounded."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt
from torch import Tensor

from seqzoo.operators import Dims, Predictor, Stream
from seqzoo.spec import PartSpec
from seqzoo_prism.step_projection import StepProjection

__all__ = ["StepGains"]


class StepGains(Predictor):
    """p^(l) = W_p^(l) u, or W_up^(l) (W_down^(l) u + b^(l)), or its sigmoid (PRISM, Eq. 13)."""

    name = "step_gains"

    class Spec(PartSpec):
        """How gains are made of the anchor.

        rank: features between two thin matrices, or `quarter` of the width; null is one matrix.
        bias: whether there is b.
        shared: whether all steps have the gain of one.
        bounded: whether a sigmoid keeps it in (0, 1).
        """

        rank: PositiveInt | Literal["quarter"] | None = None
        bias: bool = False
        shared: bool = False
        bounded: bool = False

    def __init__(self, spec: Spec, dims: Dims, steps: int = 1) -> None:
        super().__init__(spec, dims, steps)
        self.shape = (dims.heads, dims.value_size)
        count = 1 if spec.shared else steps
        features = dims.heads * dims.value_size
        self.project = StepProjection(dims.width, count, features, spec.rank, bias=spec.bias)
        self.bounded = spec.bounded

    def forward(self, u: Tensor, stream: Stream) -> Tensor:
        """u (B, T, D) -> p (B, T, R, H, V); with shared gains R is 1."""
        gains = self.project(u).unflatten(-1, self.shape)
        return gains.sigmoid() if self.bounded else gains
