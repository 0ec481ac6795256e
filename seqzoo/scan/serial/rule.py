"""The interface between a serial rule and the driver."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

__all__ = ["SerialRule", "Tree"]

Tree = Any
"""A tensor, or nested lists, tuples and dicts of tensors that share their leading axes."""


class SerialRule(Protocol):
    """An update of a state by one token, which may depend on the state in any way.

    Attributes:
        chunk_size: C, the most tokens that `chunk` takes at once; 0 for a rule without one.
    """

    @property
    def chunk_size(self) -> int:
        """C, or 0."""
        ...

    def start(self, sequences: int, like: Tensor) -> Tree:
        """The state before the first token: a tree of (sequences, ...) on the device of `like`."""
        ...

    def step(self, state: Tree, token: Tree) -> tuple[Tree, Tensor]:
        """One token: state, a tree of (B, ...) -> state, output (B, ...)."""
        ...

    def chunk(self, state: Tree, tokens: Tree) -> tuple[Tree, Tensor]:
        """Up to C tokens, from any state: state, a tree of (B, c, ...) -> state, (B, c, ...).

        It gives what single steps give.
        """
        ...
