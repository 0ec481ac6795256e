"""The delta rule's forget: erase what the key finds, decay nothing."""

from __future__ import annotations

from typing import Any

from seqzoo.operators.features import Features
from seqzoo.operators.forgets.erasing import DeltaErase, EraseSpec, erase_misfit
from seqzoo.operators.forgets.forget import Forget
from seqzoo.operators.place import Dims
from seqzoo.operators.stream import Stream
from seqzoo.scan import Transition

__all__ = ["DeltaForget"]


class DeltaForget(Forget):
    """A_t = I - beta_t k_t k_t^T (DeltaNet, arXiv 2406.06484)."""

    name = "delta"

    class Spec(EraseSpec):
        """What is erased.

        key: null for the injection's first key, or a projection.
        strength: null for the injection's first strength, or a gate.
        """

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.erase = DeltaErase(spec, dims)

    @classmethod
    def misfit(cls, spec: Any, injection: Any) -> str:
        """Eigenvalues of the erase must lie in [-1, 1]."""
        return erase_misfit(spec, injection)

    def forward(self, features: Features, stream: Stream) -> Transition:
        """-> no decay, rank-one erase."""
        return Transition(log_decay=None, erase=self.erase(features, stream))
