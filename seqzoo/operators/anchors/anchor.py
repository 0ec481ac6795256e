"""The anchor family: a local, input-only stand-in for the state read S_{t-1} k_t."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from seqzoo.operators.operator import Operator
from seqzoo.operators.place import Dims
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec

__all__ = ["Anchor"]


class Anchor(Operator, family="anchor"):
    """x -> u. Being a function of the inputs alone is what keeps the scan parallel.

    Built from its spec and the mixer's sizes.
    """

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec)

    @abstractmethod
    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> u (B, T, D); position t sees x[:, :t+1] only."""
