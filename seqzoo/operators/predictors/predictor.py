"""The predictor family: the gain of one refinement step, from the anchor alone."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from seqzoo.operators.operator import Operator

__all__ = ["Predictor"]


class Predictor(Operator, family="predictor"):
    """u -> p, the stand-in for sigma'(S_{t-1} k_t) (PRISM, Eq. 13)."""

    @abstractmethod
    def forward(self, u: Tensor) -> Tensor:
        """u (B, T, D) -> p (B, T, H, V), or anything that broadcasts to it."""
