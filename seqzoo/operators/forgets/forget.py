"""The forget family: what is kept, A_t = Diag(alpha_t)(I + a_t b_t^T)."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from torch import Tensor

from seqzoo.operators.operator import Operator
from seqzoo.scan import Transition, Writes

__all__ = ["DecayForget", "Forget"]


class Forget(Operator, family="forget"):
    """u, writes -> Transition. Never a function of the state."""

    @classmethod
    def misfit(cls, spec: Any, injection: Any) -> str:
        """Why this forget cannot be combined with this injection's spec; "" if it can."""
        return ""

    @abstractmethod
    def forward(self, u: Tensor, writes: Writes) -> Transition:
        """u (B, T, D) and the token's writes -> log decay and erase."""


class DecayForget(Forget):
    """A forget that only decays: usable alone and as the decay of `gated_delta`."""

    @abstractmethod
    def log_decay(self, u: Tensor) -> Tensor:
        """u (B, T, D) -> g <= 0, (B, T, H) or (B, T, H, K); alpha = exp(g)."""

    def forward(self, u: Tensor, writes: Writes) -> Transition:
        """u (B, T, D) -> Diag(exp(g)), no erase."""
        return Transition(log_decay=self.log_decay(u), erase=None)
