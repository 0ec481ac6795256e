"""The projection family: u -> queries, keys or values."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from torch import Tensor

from seqzoo.operators.operator import Operator
from seqzoo.operators.place import Place
from seqzoo.operators.stream import Stream
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec

__all__ = ["Projection"]


class Projection(Operator, family="projection"):
    """u -> heads of `size` features each. Built from its spec, the place, heads and size."""

    def __init__(self, spec: PartSpec, place: Place, heads: int, size: int) -> None:
        super().__init__(spec)

    @classmethod
    def is_unit(cls, spec: Any) -> bool:
        """Whether each head's vector has norm <= 1, so that a delta rule may erase along it."""
        return False

    @classmethod
    def misfit(cls, spec: Any, injection: Any) -> str:
        """Why this cannot make queries beside this injection's spec; "" if it can."""
        return ""

    @abstractmethod
    def forward(self, u: Tensor, stream: Stream, writes: Writes | None = None) -> Tensor:
        """u (B, T, D) -> (B, T, heads, size).

        Args:
            u: the anchor.
            stream: the call.
            writes: what the injection writes, where queries are made; None for keys and values.
        """
