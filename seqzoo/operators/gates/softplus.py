"""The step size of state-space models."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators.gates.gate import Gate
from seqzoo.operators.hints import Hint
from seqzoo.operators.low_rank import linear
from seqzoo.operators.place import Place
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec

__all__ = ["SoftplusGate", "softplus_bias"]

LEAST_STEP = 1e-4


def softplus_bias(steps: int, low: float, high: float) -> Tensor:
    """(steps,) values b such that softplus(b) is log-uniform in [low, high], and at least 1e-4."""
    step = torch.empty(steps).uniform_(math.log(low), math.log(high)).exp().clamp_min(LEAST_STEP)
    return step + torch.log(-torch.expm1(-step))


class SoftplusGate(Gate):
    """Delta = softplus(W u + b), a step size above 0 (Mamba-2, arXiv 2405.21060)."""

    name = "softplus"
    strength = "unbounded"
    hints: ClassVar = {"project": Hint(decay=False)}

    class Spec(PartSpec):
        """Settings of a step size.

        low, high: softplus(b) is drawn log-uniformly between `low` and `high`, 1e-4 at least.
        rank: features between two thin matrices in place of W; null is one matrix.
        """

        low: float = Field(default=1e-3, gt=0.0)
        high: float = Field(default=1e-1, gt=0.0)
        rank: PositiveInt | None = None

        @model_validator(mode="after")
        def _low_is_lower(self) -> SoftplusGate.Spec:
            if self.low > self.high:
                raise PydanticCustomError(
                    "bounds", "low {low} is above high {high}", {"low": self.low, "high": self.high}
                )
            return self

    def __init__(self, spec: Spec, place: Place, heads: int) -> None:
        super().__init__(spec, place, heads)
        self.project: Any = linear(place.width, heads, bias=True, rank=spec.rank)
        last: nn.Linear = self.project if spec.rank is None else self.project[1]
        with torch.no_grad():
            last.bias.copy_(softplus_bias(heads, spec.low, spec.high))

    def forward(self, u: Tensor, stream: Stream, keys: Tensor | None = None) -> Tensor:
        """u (B, T, D) -> (B, T, heads)."""
        return F.softplus(self.project(u))
