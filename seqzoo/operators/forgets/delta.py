"""The delta rule's forget: erase what the key finds, decay nothing."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from seqzoo.operators.forgets.erasing import DeltaErase, EraseSpec, erase_misfit
from seqzoo.operators.forgets.forget import Forget
from seqzoo.operators.operator import Dims
from seqzoo.scan import Transition, Writes

__all__ = ["DeltaForget"]


class DeltaForget(Forget):
    """A_t = I - beta_t k_t k_t^T (DeltaNet, arXiv 2406.06484)."""

    name = "delta"

    class Spec(EraseSpec):
        """key, strength: tied or own."""

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.erase = DeltaErase(spec, dims)

    @classmethod
    def misfit(cls, spec: Any, injection: Any) -> str:
        """A tied erase needs a first key of norm <= 1 and a first strength."""
        return erase_misfit(spec, injection)

    def forward(self, u: Tensor, writes: Writes) -> Transition:
        """u (B, T, D), writes -> no decay, rank-one erase."""
        return Transition(log_decay=None, erase=self.erase(u, writes.strengths))
