"""PRISM-LM's forget: erase along the direction of a key that is itself written unnormalised."""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import field_validator
from pydantic_core import PydanticCustomError

from seqzoo.errors import SpecError
from seqzoo.operators import DecayForget, Dims, Features, Forget, Gate, Stream
from seqzoo.operators.norms.builtin import UNIT_NORM_EPSILON, unit_norm
from seqzoo.scan import Erase, Transition
from seqzoo.scan.precision import wide
from seqzoo.spec import PartSpec, slot

__all__ = ["NormalisedDelta"]


class NormalisedDelta(Forget):
    """A_t = (I - beta k k^T / |k|^2) Diag(alpha), k the injection's first key of any length."""

    name = "normalised_delta"

    class Spec(PartSpec):
        """What is kept.

        decay: any forget that only decays.
        strength: a gate, beta.
        of: what beta is made of, the mixer's input x or the anchor u.
        erase_first: erase, then decay; else the decay comes first, as in `gated_delta`.
        """

        decay: PartSpec[DecayForget] = slot("forget", "floored_decay")
        strength: PartSpec[Gate] = slot("gate", "sigmoid")
        of: Literal["x", "u"] = "x"
        erase_first: bool = True

        @field_validator("decay")
        @classmethod
        def _only_decays(cls, decay: PartSpec) -> PartSpec:
            if not issubclass(decay.part, DecayForget):
                raise PydanticCustomError(
                    "no_decay",
                    "'{name}' is not a plain decay; name one such as floored_decay or head_decay",
                    {"name": decay.part.name},
                )
            return decay

        @field_validator("strength")
        @classmethod
        def _is_bounded(cls, strength: PartSpec) -> PartSpec:
            gate: Any = strength.part
            if gate.strength in ("none", "unbounded"):
                raise PydanticCustomError(
                    "unbounded",
                    "'normalised_delta' would erase with gate '{name}', which has no bound; use "
                    "one such as sigmoid or twice_sigmoid",
                    {"name": gate.name},
                )
            return strength

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        if spec.erase_first and dims.key_heads != dims.heads:
            raise SpecError(
                f"forget 'normalised_delta' with erase_first: true needs as many key heads "
                f"({dims.key_heads}) as heads ({dims.heads}); leave key_heads out, or write "
                "erase_first: false"
            )
        self.decay: DecayForget = spec.decay.build(dims)
        self.strength: Gate = spec.strength.build(dims.place, dims.heads)
        self.of, self.erase_first = spec.of, spec.erase_first

    @classmethod
    def misfit(cls, spec: Any, injection: Any) -> str:
        """The decay must fit, and a token has one erase; a key of any length does."""
        part = injection.part
        if part.micro_steps(injection) > 1:
            return (
                f"'{cls.name}' erases once a token, and '{part.name}' writes in several "
                "micro-steps, each with its own erase; use forget: gated_delta"
            )
        return spec.decay.part.misfit(spec.decay, injection)

    def forward(self, features: Features, stream: Stream) -> Transition:
        """-> decay, and an erase along the first key's direction."""
        key = features.writes.keys[:, :, 0]
        unit = unit_norm(key)
        source = features.x if self.of == "x" else features.u
        beta = self.strength(source, stream, unit)
        assert beta is not None  # a gate without a result was refused
        g = self.decay.log_decay(features, stream)
        if self.erase_first and g.dim() == 4:
            # (I - beta k k^T) Diag(alpha) = Diag(alpha) - k (beta alpha * k)^T
            along = -beta.unsqueeze(-1) * unit * g.exp()
            return Transition(g, Erase(read=unit, write=along, before_decay=True))
        # Decay, then erase; with one alpha a head either order is the same. What is taken away lies
        # along the raw key, which is also written: the scan's cheap path.
        shared = beta.shape[-1] // key.shape[2]
        inverse = torch.rsqrt(wide(key).square().sum(-1) + UNIT_NORM_EPSILON)
        strength = beta * inverse.repeat_interleave(shared, dim=-1)
        return Transition(g, Erase(read=unit, strength=strength, along_key=True))
