"""The gate family: u -> one strength per head, for a write or an erase."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

from torch import Tensor

from seqzoo.operators.operator import Operator
from seqzoo.operators.place import Place
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec

__all__ = ["Gate", "Strength"]

Strength = Literal["none", "unbounded", "unit_keys", "at_most_one", "any_keys"]
"""The range of a gate's strengths: none at all; unbounded; in [0, 2], so that an erase along a key
of norm <= 1 has eigenvalues in [-1, 1]; in [0, 1]; or such that the first holds for any key."""


class Gate(Operator, family="gate"):
    """u -> beta, one per head. Built from its spec, the place and the number of heads.

    Attributes:
        strength: what an erase can do with the gate's result; see `Strength`.
    """

    strength: ClassVar[Strength] = "unbounded"

    def __init__(self, spec: PartSpec, place: Place, heads: int) -> None:
        super().__init__(spec)

    @abstractmethod
    def forward(self, u: Tensor, stream: Stream, keys: Tensor | None = None) -> Tensor | None:
        """u (B, T, D), the keys (B, T, G, K) that it goes with -> (B, T, heads); None is 1."""
