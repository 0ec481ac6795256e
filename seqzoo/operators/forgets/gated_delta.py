"""The gated delta rule's forget: decay, then erase what the key finds."""

from __future__ import annotations

from typing import Any

from pydantic import field_validator

from seqzoo.operators.features import Features
from seqzoo.operators.forgets.erasing import DeltaErase, EraseSpec, erase_misfit
from seqzoo.operators.forgets.forget import DecayForget, Forget, only_decays
from seqzoo.operators.forgets.micro_steps import before_first_step
from seqzoo.operators.place import Dims
from seqzoo.operators.stream import Stream
from seqzoo.scan import Transition
from seqzoo.spec import PartSpec, slot

__all__ = ["GatedDeltaForget"]


class GatedDeltaForget(Forget):
    """A_t = Diag(alpha_t)(I - beta_t k_t k_t^T) (arXiv 2412.06464; PRISM, Eq. 17)."""

    name = "gated_delta"

    class Spec(EraseSpec):
        """What is kept.

        decay: any forget that only decays.
        key: null for the injection's first key, or a projection.
        strength: null for the injection's first strength, or a gate.
        """

        decay: PartSpec[DecayForget] = slot("forget", "head_decay")

        _only_decays = field_validator("decay")(only_decays)

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.decay = spec.decay.build(dims)
        self.erase = DeltaErase(spec, dims)

    @classmethod
    def misfit(cls, spec: Any, injection: Any) -> str:
        """Eigenvalues of the erase must lie in [-1, 1], and the decay must fit too."""
        return spec.decay.part.misfit(spec.decay, injection) or erase_misfit(spec, injection)

    def forward(self, features: Features, stream: Stream) -> Transition:
        """-> decay and rank-one erase; of several micro-steps the first decays, all erase."""
        log_decay = self.decay.log_decay(features, stream)
        log_decay = before_first_step(log_decay, features.writes.steps)
        return Transition(log_decay, self.erase(features, stream))
