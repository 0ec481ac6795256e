"""The features of each token that the later slots of a recurrent mixer see."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from seqzoo.scan import Writes

__all__ = ["Features"]


@dataclass(frozen=True)
class Features:
    """One token's tensors, as forgets and readouts see them.

    Attributes:
        x: (B, T, D), the mixer's input.
        u: (B, T, D), the anchor.
        queries: (B, T, G, K).
        writes: what the injection writes; an injection may give a subclass that holds more.
    """

    x: Tensor
    u: Tensor
    queries: Tensor
    writes: Writes
