"""The anchor family: a local, input-only stand-in for the state read S_{t-1} k_t."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from seqzoo.operators.operator import Operator, State

__all__ = ["Anchor"]


class Anchor(Operator, family="anchor"):
    """x -> u. Being a function of the inputs alone is what keeps the scan parallel."""

    @abstractmethod
    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """x (B, T, D), state -> u (B, T, D), state; position t sees x[:, :t+1] only."""
