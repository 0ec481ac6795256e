"""The activation family: element-wise functions without parameters or state."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn

from seqzoo.spec import Part, PartSpec

__all__ = ["Activation"]


class Activation(Part, nn.Module, family="activation"):
    """An element-wise function. Built from its spec alone."""

    def __init__(self, spec: PartSpec) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """x (...) -> (...)."""
