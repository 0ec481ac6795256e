"""The erase of a delta rule, with its own key and strength or the injection's."""

from __future__ import annotations

from typing import Any

from torch import nn

from seqzoo.operators.features import Features
from seqzoo.operators.gates.gate import Gate
from seqzoo.operators.injections.injection import FirstWrite
from seqzoo.operators.place import Dims
from seqzoo.operators.projections.projection import Projection
from seqzoo.operators.stream import Stream
from seqzoo.scan import Erase
from seqzoo.spec import PartSpec, slot

__all__ = ["DeltaErase", "EraseSpec", "erase_misfit"]


class EraseSpec(PartSpec):
    """Along which key a delta rule erases, and how strongly.

    key: null for the injection's first key (no extra work in the scan), or a projection of u.
    strength: null for the injection's first strength, or a gate.
    """

    key: PartSpec[Projection] | None = slot("projection", None, default_type="linear")
    strength: PartSpec[Gate] | None = slot("gate", None)


def erase_misfit(spec: EraseSpec, injection: PartSpec) -> str:
    """Why an erase of this spec cannot be tied to this injection; "" if it can."""
    part: Any = injection.part
    first: FirstWrite = part.first_write(injection)
    forget = spec.part.name
    if part.micro_steps(injection) > 1 and (spec.key or spec.strength):
        return (
            f"'{forget}' erases once a token with a key or strength of its own, and '{part.name}' "
            "writes in several micro-steps, each with its own erase; leave key and strength out"
        )
    strength = first.strength
    if spec.strength is not None:
        gate: Any = spec.strength.part
        strength = gate.strength
        if strength in ("none", "unbounded"):
            return (
                f"'{forget}' would erase with gate '{gate.name}', which has no bound; use one "
                "such as sigmoid, twice_sigmoid or exact_flow"
            )
    elif strength == "none":
        return (
            f"'{forget}' erases with the first strength of '{part.name}', which has none; give "
            "the injection strength: sigmoid, or this forget one of its own: strength: sigmoid"
        )
    elif strength == "unbounded":
        return (
            f"'{forget}' erases with the first strength of '{part.name}', which has no bound; give "
            "the injection strength: sigmoid, or this forget one of its own: strength: sigmoid"
        )
    if strength == "any_keys":
        return ""
    if spec.key is None and not first.unit_key:
        return (
            f"'{forget}' erases along the first key of '{part.name}', whose norm is not bounded by "
            "1; give the injection's key norm: unit, or this forget a key of its own: "
            "key: {norm: unit}"
        )
    own: Any = spec.key.part if spec.key is not None else None
    if own is not None and not own.is_unit(spec.key):
        return (
            f"'{forget}' erases along a key whose norm is not bounded by 1; write "
            "key: {norm: unit}, or strength: exact_flow"
        )
    return ""


class DeltaErase(nn.Module):
    """Features -> I - beta k k^T."""

    def __init__(self, spec: EraseSpec, dims: Dims) -> None:
        super().__init__()
        place = dims.place
        self.key: Projection | None = (
            spec.key.build(place, dims.key_heads, dims.key_size) if spec.key else None
        )
        self.strength: Gate | None = (
            spec.strength.build(place, dims.heads) if spec.strength else None
        )

    def forward(self, features: Features, stream: Stream) -> Erase:
        """u and the writes of each token -> the erase."""
        writes = features.writes
        read = None if self.key is None else self.key(features.u, stream)
        if self.strength is not None:
            key = writes.keys[:, :, 0] if read is None else read
            return Erase(read=read, strength=self.strength(features.u, stream, key))
        if writes.strengths is None:
            raise ValueError("the erase's strength is tied to writes that have none")
        return Erase(read=read, strength=writes.strengths[:, :, 0])
