"""The gated delta rule's forget: decay, then erase what the key finds."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from torch import Tensor

from seqzoo.operators.forgets.erasing import DeltaErase, EraseSpec, erase_misfit
from seqzoo.operators.forgets.forget import DecayForget, Forget
from seqzoo.operators.operator import Dims
from seqzoo.scan import Transition, Writes
from seqzoo.spec import PartSpec, Slot

__all__ = ["GatedDeltaForget"]


class GatedDeltaForget(Forget):
    """A_t = Diag(alpha_t)(I - beta_t k_t k_t^T) (arXiv 2412.06464; PRISM, Eq. 17)."""

    name = "gated_delta"

    class Spec(EraseSpec):
        """decay: any forget that only decays. key, strength: tied or own."""

        decay: Annotated[PartSpec, Slot("forget")] = Field(default=cast("Any", "head_decay"))

        @field_validator("decay")
        @classmethod
        def _only_decays(cls, decay: PartSpec) -> PartSpec:
            if not issubclass(decay.part, DecayForget):
                raise PydanticCustomError(
                    "no_decay",
                    "'{name}' is no plain decay; name one such as head_decay or channel_decay, "
                    "or use forget: delta for no decay at all",
                    {"name": decay.part.name},
                )
            return decay

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.decay: DecayForget = spec.decay.build(dims)
        self.erase = DeltaErase(spec, dims)

    @classmethod
    def misfit(cls, spec: Any, injection: Any) -> str:
        """A tied erase needs a first key of norm <= 1 and a first strength."""
        return erase_misfit(spec, injection)

    def forward(self, u: Tensor, writes: Writes) -> Transition:
        """u (B, T, D), writes -> decay and rank-one erase."""
        return Transition(self.decay.log_decay(u), self.erase(u, writes.strengths))
