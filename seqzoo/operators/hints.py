"""Hints from a part to optimizers: how to treat its parameters."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Hint"]


@dataclass(frozen=True)
class Hint:
    """A hint about one parameter, or about all parameters of a submodule.

    Attributes:
        decay: whether weight decay may shrink it. Parameters of fewer than two dimensions are never
            decayed, whatever the hint says.
        lr: a factor on the learning rate.
    """

    decay: bool = True
    lr: float = 1.0
