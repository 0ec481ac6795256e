"""The readout family: state reads -> the layer's output."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from seqzoo.operators.features import Features
from seqzoo.operators.operator import Operator
from seqzoo.operators.place import Dims
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec

__all__ = ["Readout"]


class Readout(Operator, family="readout"):
    """o and the token's features -> y. Built from its spec and the mixer's sizes."""

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec)

    @abstractmethod
    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        """reads o (B, T, H, V) and what else is known of each token -> y (B, T, D)."""
