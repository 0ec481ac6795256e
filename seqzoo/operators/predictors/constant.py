"""The ablation of the gain: the same number everywhere."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.operators.place import Dims
from seqzoo.operators.predictors.predictor import Predictor
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec

__all__ = ["ConstantPredictor"]


class ConstantPredictor(Predictor):
    """p = value, not learned."""

    name = "constant"

    class Spec(PartSpec):
        """value: the gain."""

        value: float = 1.0

    def __init__(self, spec: Spec, dims: Dims, steps: int = 1) -> None:
        super().__init__(spec, dims, steps)
        self.steps = steps
        self.register_buffer("value", torch.tensor(spec.value), persistent=False)
        self.value: Tensor

    def forward(self, u: Tensor, stream: Stream) -> Tensor:
        """u (B, T, D) -> p (1, 1, R, 1, 1)."""
        return self.value.to(u.dtype).expand(1, 1, self.steps, 1, 1)
