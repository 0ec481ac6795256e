"""The base of this folder's forgets: a decay of any kind, then an erase of their own."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from pydantic import field_validator
from torch import Tensor

from seqzoo.operators import DecayForget, Dims, Features, Forget, Stream
from seqzoo.operators.forgets.forget import only_decays
from seqzoo.operators.forgets.micro_steps import before_first_step
from seqzoo.scan import Erase, Transition
from seqzoo.spec import PartSpec, slot

__all__ = ["DecaySpec", "ErasingForget", "each_step"]


class DecaySpec(PartSpec):
    """decay: any forget that only decays."""

    decay: PartSpec[DecayForget] = slot("forget", "mamba_decay")

    _only_decays = field_validator("decay")(only_decays)


class ErasingForget(Forget):
    """Diag(alpha_t), then an erase: decay by any forget that only decays.

    Of several micro-steps the first decays, and each erases.
    """

    def __init__(self, spec: DecaySpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.decay: DecayForget = spec.decay.build(dims)

    @classmethod
    def misfit(cls, spec: Any, injection: Any) -> str:
        """The decay must fit, and then the erase."""
        misfit = spec.decay.part.misfit(spec.decay, injection)
        return misfit or cls.erase_misfit(spec, injection)

    @classmethod
    @abstractmethod
    def erase_misfit(cls, spec: Any, injection: Any) -> str:
        """Why the erase cannot be combined with this injection's spec; "" if it can."""

    @abstractmethod
    def erase(self, features: Features, stream: Stream) -> Erase:
        """x, u, queries and writes of each token -> the rank-one part, for each micro-step."""

    def forward(self, features: Features, stream: Stream) -> Transition:
        """-> decay and rank-one erase."""
        log_decay = self.decay.log_decay(features, stream)
        log_decay = before_first_step(log_decay, features.writes.steps)
        return Transition(log_decay, self.erase(features, stream))


def each_step(x: Tensor, steps: int) -> Tensor:
    """x (B, T, ...) -> (B, T * steps, ...), the same for every micro-step of a token."""
    return x if steps == 1 else x.repeat_interleave(steps, dim=1)
