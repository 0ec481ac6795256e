"""A step size between bounds, as in released state-space models."""

from __future__ import annotations

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from torch import Tensor

from seqzoo.operators import Place, Stream
from seqzoo.operators.gates import SoftplusGate

__all__ = ["BoundedSoftplusGate"]


class BoundedSoftplusGate(SoftplusGate):
    """Delta = min(max(softplus(W u + b), least), most), as in Nemotron-H and Zamba2."""

    name = "bounded_softplus"

    class Spec(SoftplusGate.Spec):
        """Settings of a step size, and its bounds.

        least: of the step. most: of the step; null for no bound.
        """

        least: float = Field(default=1e-3, ge=0.0)
        most: float | None = Field(default=None, gt=0.0)

        @model_validator(mode="after")
        def _least_is_less(self) -> BoundedSoftplusGate.Spec:
            if self.most is not None and self.least >= self.most:
                raise PydanticCustomError(
                    "bounds",
                    "least {least} is not below most {most}",
                    {"least": self.least, "most": self.most},
                )
            return self

    def __init__(self, spec: Spec, place: Place, heads: int) -> None:
        super().__init__(spec, place, heads)
        self.least, self.most = spec.least, spec.most

    def forward(self, u: Tensor, stream: Stream, keys: Tensor | None = None) -> Tensor:
        """u (B, T, D) -> (B, T, heads)."""
        return super().forward(u, stream, keys).clamp(self.least, self.most)
