"""DeltaProduct's write: several keys per token, one after the other."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt
from torch import Tensor

from seqzoo.operators import Dims, FirstWrite, Gate, Injection, Projection, Stream
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec, slot

__all__ = ["ProductWrite"]


class ProductWrite(Injection):
    """B_t^j = beta_t^j v_t^j k_t^jT in micro-steps j = 1..n (DeltaProduct, arXiv 2502.10297).

    With a delta rule for a forget, each micro-step erases along its own key before it writes, and
    a token's transition is a product of n Householder-like matrices. It decays once, before the
    first, and reads after the last. The n micro-steps stand one after the other in every matrix.
    """

    name = "product_write"

    class Spec(PartSpec):
        """What each micro-step writes.

        steps: n, keys and values a token.
        key, value: projections, each of n times the heads. strength: a gate; none is beta = 1.
        """

        steps: PositiveInt = 2
        key: PartSpec[Projection] = slot("projection", "linear", default_type="linear")
        value: PartSpec[Projection] = slot("projection", "linear", default_type="linear")
        strength: PartSpec[Gate] = slot("gate", "none")

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        place, self.steps = dims.place, spec.steps
        self.key: Projection = spec.key.build(place, spec.steps * dims.key_heads, dims.key_size)
        self.value: Projection = spec.value.build(place, spec.steps * dims.heads, dims.value_size)
        self.strength: Gate = spec.strength.build(place, spec.steps * dims.heads)

    @classmethod
    def first_write(cls, spec: Any) -> FirstWrite:
        """As its key's projection and its gate say."""
        return FirstWrite(spec.key.part.is_unit(spec.key), spec.strength.part.strength)

    @classmethod
    def micro_steps(cls, spec: Any) -> int:
        """n."""
        return spec.steps

    def forward(self, u: Tensor, stream: Stream) -> Writes:
        """u (B, T, D) -> writes of rank R = 1 in T * n micro-steps."""
        keys = self.key(u, stream)
        values, strengths = self.value(u, stream), self.strength(u, stream, keys)
        return Writes(
            self._micro(keys),
            self._micro(values),
            None if strengths is None else self._micro(strengths),
            self.steps,
        )

    def _micro(self, x: Tensor) -> Tensor:
        """x (B, T, n * heads, ...) -> (B, T * n, 1, heads, ...)."""
        return x.unflatten(2, (self.steps, 1, -1)).flatten(1, 2)
