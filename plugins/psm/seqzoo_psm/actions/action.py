"""The action family: the factor of an affine map."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from seqzoo.operators import Dims, Operator
from seqzoo.spec import PartSpec

__all__ = ["Action"]


class Action(Operator, family="action"):
    """Makes the factor E of each token, and says how factors act and compose.

    Built from its spec and the sizes of heads. E acts on states S (..., H, K, V) from the left, and
    so that E (S + T) = E S + E T.
    """

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec)

    @abstractmethod
    def forward(self, rows: Tensor) -> Tensor:
        """rows (..., D) -> E (..., H, ...), in float32 or wider: what is near 1 must not round."""

    @staticmethod
    @abstractmethod
    def identity(state: Tensor) -> Tensor:
        """The E that changes no state (..., H, K, V)."""

    @staticmethod
    @abstractmethod
    def compose(older: Tensor, newer: Tensor) -> Tensor:
        """E_2 E_1 of the older E_1 and the newer E_2."""

    @staticmethod
    @abstractmethod
    def act(factor: Tensor, state: Tensor) -> Tensor:
        """E S, (..., H, K, V)."""
