"""The predictor family: the gains of all refinement steps, from the anchor alone."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from seqzoo.operators.operator import Operator
from seqzoo.operators.place import Dims
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec

__all__ = ["Predictor"]


class Predictor(Operator, family="predictor"):
    """u -> p, the stand-in for sigma'(S_{t-1} k_t) (PRISM, Eq. 13).

    Built from its spec, the mixer's sizes and the number of steps R; it makes the gains of all
    steps at once.
    """

    def __init__(self, spec: PartSpec, dims: Dims, steps: int = 1) -> None:
        super().__init__(spec)

    @abstractmethod
    def forward(self, u: Tensor, stream: Stream) -> Tensor:
        """u (B, T, D) -> p (B, T, R, H, V), or anything that broadcasts to it."""
