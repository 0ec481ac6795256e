"""The forget family: what is kept, A_t = Diag(alpha_t)(I + a_t b_t^T)."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from pydantic_core import PydanticCustomError
from torch import Tensor

from seqzoo.operators.features import Features
from seqzoo.operators.forgets.micro_steps import before_first_step
from seqzoo.operators.operator import Operator
from seqzoo.operators.place import Dims
from seqzoo.operators.stream import Stream
from seqzoo.scan import Transition
from seqzoo.spec import PartSpec

__all__ = ["DecayForget", "Forget", "only_decays"]


class Forget(Operator, family="forget"):
    """Features of a token -> Transition. Never a function of the state.

    Built from its spec and the mixer's sizes.
    """

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec)

    @classmethod
    def misfit(cls, spec: Any, injection: Any) -> str:
        """Why this forget cannot be combined with this injection's spec; "" if it can."""
        return ""

    @abstractmethod
    def forward(self, features: Features, stream: Stream) -> Transition:
        """x, u, queries and writes of each token -> log decay and erase."""


class DecayForget(Forget):
    """A forget that only decays: usable alone and as the decay of `gated_delta`."""

    @abstractmethod
    def log_decay(self, features: Features, stream: Stream) -> Tensor:
        """-> g <= 0, (B, T, H) or (B, T, H, K), one per token even with micro-steps; alpha =
        exp(g)."""

    def forward(self, features: Features, stream: Stream) -> Transition:
        """-> Diag(exp(g)), no erase; of several micro-steps the first decays."""
        log_decay = self.log_decay(features, stream)
        return Transition(before_first_step(log_decay, features.writes.steps), erase=None)


def only_decays(spec: PartSpec) -> PartSpec:
    """The spec of a forget that only decays, for a slot `decay`.

    Raises:
        PydanticCustomError: it erases, or is the identity.
    """
    if not issubclass(spec.part, DecayForget):
        raise PydanticCustomError(
            "no_decay",
            "'{name}' is not a plain decay; name one such as head_decay or channel_decay, "
            "or use forget: delta for no decay at all",
            {"name": spec.part.name},
        )
    return spec
