"""The gain ablated: the same number everywhere."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.operators.operator import Dims
from seqzoo.operators.predictors.predictor import Predictor
from seqzoo.spec import PartSpec

__all__ = ["ConstantPredictor"]


class ConstantPredictor(Predictor):
    """p = value, not learned."""

    name = "constant"

    class Spec(PartSpec):
        """value: the gain."""

        value: float = 1.0

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.register_buffer("value", torch.tensor(spec.value), persistent=False)
        self.value: Tensor

    def forward(self, u: Tensor) -> Tensor:
        """u (B, T, D) -> p (), broadcast."""
        return self.value.to(u.dtype)
