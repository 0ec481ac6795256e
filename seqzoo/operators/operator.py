"""What all operators share: sizes, and a state they may carry from token to token.

Shapes: B batch, T time, D width, H heads, K key size, V value size, R write rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from seqzoo.spec import Part, PartSpec

__all__ = ["Dims", "Operator", "State"]

State = Any
"""A pytree of tensors, batch first: what an operator or mixer carries; `()` where there is none."""


@dataclass(frozen=True)
class Dims:
    """Sizes of the mixer that an operator serves.

    Attributes:
        width: D, features a token.
        heads: H.
        key_size: K, features of a key or query, a head.
        value_size: V, features of a value, a head.
    """

    width: int
    heads: int
    key_size: int
    value_size: int


class Operator(Part, nn.Module):
    """A part with parameters. Built from its spec and the mixer's sizes."""

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__()

    def initial_state(self, like: Tensor) -> State:
        """The state before the first token. `like` (B, ...) gives batch, dtype and device."""
        return ()
