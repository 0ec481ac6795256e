"""The usual injection: one key and one value per token."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from seqzoo.operators.gates.gate import Gate
from seqzoo.operators.injections.injection import FirstWrite, Injection
from seqzoo.operators.place import Dims
from seqzoo.operators.projections.projection import Projection
from seqzoo.operators.stream import Stream
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec, slot

__all__ = ["RankOneInjection"]


class RankOneInjection(Injection):
    """B_t = beta_t v_t k_t^T: linear attention's write, or the delta rule's with a strength."""

    name = "rank_one"

    class Spec(PartSpec):
        """How a write is made from u.

        key, value: projections. strength: a gate; none is beta = 1.
        """

        key: PartSpec[Projection] = slot("projection", "linear", default_type="linear")
        value: PartSpec[Projection] = slot("projection", "linear", default_type="linear")
        strength: PartSpec[Gate] = slot("gate", "none")

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        place = dims.place
        self.key = spec.key.build(place, dims.key_heads, dims.key_size)
        self.value = spec.value.build(place, dims.heads, dims.value_size)
        self.strength = spec.strength.build(place, dims.heads)

    @classmethod
    def first_write(cls, spec: Any) -> FirstWrite:
        """As its key's projection and its gate say."""
        return FirstWrite(spec.key.part.is_unit(spec.key), spec.strength.part.strength)

    def forward(self, u: Tensor, stream: Stream) -> Writes:
        """u (B, T, D) -> writes of rank R = 1."""
        keys, values = self.key(u, stream), self.value(u, stream)
        strengths = self.strength(u, stream, keys)
        return Writes(
            keys.unsqueeze(2),
            values.unsqueeze(2),
            None if strengths is None else strengths.unsqueeze(2),
        )
