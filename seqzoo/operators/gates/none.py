"""No gate."""

from __future__ import annotations

from torch import Tensor

from seqzoo.operators.gates.gate import Gate
from seqzoo.operators.stream import Stream

__all__ = ["NoGate"]


class NoGate(Gate):
    """beta = 1: every write at full strength."""

    name = "none"
    strength = "none"

    def forward(self, u: Tensor, stream: Stream, keys: Tensor | None = None) -> Tensor | None:
        """-> None."""
        return None
