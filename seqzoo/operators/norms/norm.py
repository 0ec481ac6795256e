"""The norm family: rescale a vector."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from seqzoo.spec import Part, PartSpec

__all__ = ["Norm"]


class Norm(Part, nn.Module, family="norm"):
    """(..., size) -> (..., size). Built from its spec and the size.

    Attributes:
        unit: whether the result has norm <= 1, so that a delta rule may erase along it.
    """

    unit: ClassVar[bool] = False

    def __init__(self, spec: PartSpec, size: int) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """x (..., size) -> (..., size)."""
