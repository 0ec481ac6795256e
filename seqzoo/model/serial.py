"""The serial mixer: a rule whose update depends on its own state, composed by slots."""

from __future__ import annotations

from typing import Any

from pydantic import Field, PositiveInt
from torch import Tensor

from seqzoo.errors import counted
from seqzoo.model.duality import SERIAL
from seqzoo.model.heads import default_heads, heads_misfit
from seqzoo.model.mixer import Mixer
from seqzoo.operators import Anchor, Dims, Features, Place, Projection, Readout, Rule, Stream
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec, slot

__all__ = ["SerialMixer"]


class SerialMixer(Mixer):
    """Anchor, projections, a serial rule, readout."""

    name = "serial"
    scaling = SERIAL

    class Spec(PartSpec):
        """The slots of a serial mixer, and its sizes.

        heads: H; null is one for every 64 features of the width.
        key_size: K of a head; null is width / heads.
        value_size: V of a head; null is width / heads.
        anchor: x -> u.
        key, value, queries: how each is made from u.
        scale: of the queries; null is K^-0.5.
        rule: how a token updates the memory, and what it reads.
        readout: reads and x, u, q, k, v -> y.
        """

        heads: PositiveInt | None = None
        key_size: PositiveInt | None = None
        value_size: PositiveInt | None = None
        anchor: PartSpec[Anchor] = slot("anchor", "identity")
        key: PartSpec[Projection] = slot(
            "projection", {"type": "linear", "norm": "unit"}, default_type="linear"
        )
        value: PartSpec[Projection] = slot("projection", "linear", default_type="linear")
        queries: PartSpec[Projection] = slot("projection", "linear", default_type="linear")
        scale: float | None = Field(default=None, gt=0.0)
        rule: PartSpec[Rule] = slot("rule", "delta")
        readout: PartSpec[Readout] = slot("readout", "linear")

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        heads = spec.heads or default_heads(place.width)
        size = place.width // heads
        dims = Dims(place, heads, spec.key_size or size, spec.value_size or size)
        self.dims = dims
        self.anchor = spec.anchor.build(dims)
        self.key = spec.key.build(place, heads, dims.key_size)
        self.value = spec.value.build(place, heads, dims.value_size)
        self.queries = spec.queries.build(place, heads, dims.key_size)
        self.scale = dims.key_size**-0.5 if spec.scale is None else spec.scale
        self.rule = spec.rule.build(dims)
        self.readout = spec.readout.build(dims)

    @classmethod
    def misfit(cls, spec: Any, width: int) -> str:
        """A readout that divides by sums, which no rule keeps, or that joins several reads; heads
        that do not divide the width, unless both sizes are given."""
        if spec.readout.part.divides:
            return (
                f"readout '{spec.readout.part.name}' divides by a sum that an injection writes, "
                f"and mixer '{cls.name}' has a rule in its place; choose another readout"
            )
        if spec.readout.part.joins:
            return (
                f"readout '{spec.readout.part.name}' joins several reads a token, and a rule is "
                "read once; choose another readout"
            )
        if spec.key_size and spec.value_size:
            return ""
        return heads_misfit(width, spec.heads or default_heads(width), cls.name)

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        u = self.anchor(x, stream)
        keys, values = self.key(u, stream), self.value(u, stream)
        writes = Writes(keys.unsqueeze(2), values.unsqueeze(2))
        queries = self.scale * self.queries(u, stream, writes)
        reads = self.rule(queries, keys, values, u, stream)
        return self.readout(reads, Features(x, u, queries, writes), stream)

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The rule, and each slot's part by the first line of its docstring."""
        heads = counted(self.dims.heads, "head")
        return (
            ("state", f"changed token by token, as it is; {heads}"),
            *(
                (f"{part.family} {part.name}", part.summary())
                for part in (self.anchor, self.rule, self.readout)
            ),
        )
