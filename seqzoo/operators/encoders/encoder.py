"""The encoder family: tokens of a chunk -> rows."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from seqzoo.operators.operator import Operator
from seqzoo.operators.place import ChunkDims
from seqzoo.spec import PartSpec

__all__ = ["Encoder"]


class Encoder(Operator, family="encoder"):
    """Makes a row from each token and its place in the chunk, without seeing other tokens.

    Built from its spec and the chunk's sizes.
    """

    def __init__(self, spec: PartSpec, dims: ChunkDims) -> None:
        super().__init__(spec)

    @abstractmethod
    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        """x (B, T, D); places in chunks, 0..C-1 int64, (T,), or (B, T) in a step -> (B, T, D)."""
