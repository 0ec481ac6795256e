"""The readout family: state reads -> the layer's output."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from torch import Tensor

from seqzoo.operators.features import Features
from seqzoo.operators.operator import Operator
from seqzoo.operators.place import Dims
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec

__all__ = ["Readout"]


class Readout(Operator, family="readout"):
    """o and the token's features -> y. Built from its spec and the mixer's sizes.

    Attributes:
        divides: whether it divides by the sum of weights that a counting injection adds.
        joins: whether it takes several reads per token, (B, T, Q, H, V).
    """

    divides: ClassVar[bool] = False
    joins: ClassVar[bool] = False

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec)

    @classmethod
    def misfit(cls, spec: Any, injection: Any) -> str:
        """Why this readout cannot be combined with this injection's spec; "" if it can."""
        part = injection.part
        if part.counts and not cls.divides:
            return (
                f"injection '{part.name}' also writes the sum of its weights, and readout "
                f"'{cls.name}' does not divide by it; use a readout that divides, which "
                f"`seqzoo parts {part.name}` names"
            )
        if cls.divides and not part.counts:
            return (
                f"readout '{cls.name}' divides by the sum of weights, which injection "
                f"'{part.name}' does not write; use one that does, which "
                f"`seqzoo parts {cls.name}` names"
            )
        if part.reads(injection) > 1 and not cls.joins:
            return (
                f"injection '{part.name}' is read {part.reads(injection)} times a token, and "
                f"readout '{cls.name}' takes one read; use a readout that joins several, which "
                f"`seqzoo parts {part.name}` names"
            )
        return ""

    @abstractmethod
    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        """reads o (B, T, H, V) and each token's other features -> y (B, T, D)."""
