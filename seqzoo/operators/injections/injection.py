"""The injection family: what is written, B_t = sum_l beta_t^(l) w_t^(l) k_t^(l)T."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from torch import Tensor

from seqzoo.operators.operator import Operator, State
from seqzoo.scan import Writes

__all__ = ["Injection"]


class Injection(Operator, family="injection"):
    """u -> Writes: R keys, values and strengths a token and head, from the anchor alone."""

    @classmethod
    @abstractmethod
    def has_strengths(cls, spec: Any) -> bool:
        """Whether the first write carries a strength in [0, 1] that an erase can be tied to."""

    @classmethod
    @abstractmethod
    def has_unit_keys(cls, spec: Any) -> bool:
        """Whether the first key has norm <= 1, so that an erase can be tied to it."""

    @abstractmethod
    def forward(self, u: Tensor, state: State) -> tuple[Writes, State]:
        """u (B, T, D), state -> writes, state.

        Writes: keys (B, T, R, H, K), values (B, T, R, H, V), strengths (B, T, R, H) or None.
        """
