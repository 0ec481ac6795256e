"""Gated DeltaNet-2's write: a strength for each value channel."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from seqzoo.operators import Dims, FirstWrite, Injection, Projection, Stream
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec, slot

__all__ = ["ChannelWrite"]


class ChannelWrite(Injection):
    """B_t = (w_t * v_t) k_t^T, w_t = sigmoid(W u), one a value channel (arXiv 2605.22791).

    The erase has its own strengths, so a layer may erase without writing and write without erasing.
    """

    name = "channel_write"

    class Spec(PartSpec):
        """key, value: projections."""

        key: PartSpec[Projection] = slot("projection", "linear", default_type="linear")
        value: PartSpec[Projection] = slot("projection", "linear", default_type="linear")

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        place = dims.place
        self.key: Projection = spec.key.build(place, dims.key_heads, dims.key_size)
        self.value: Projection = spec.value.build(place, dims.heads, dims.value_size)
        self.gate = nn.Linear(dims.width, dims.heads * dims.value_size, bias=False)

    @classmethod
    def first_write(cls, spec: Any) -> FirstWrite:
        """As the key's projection says; the strengths are part of the values."""
        return FirstWrite(spec.key.part.is_unit(spec.key), "none")

    def forward(self, u: Tensor, stream: Stream) -> Writes:
        """u (B, T, D) -> writes of rank R = 1."""
        values = self.value(u, stream)
        values = self.gate(u).sigmoid().view_as(values) * values
        return Writes(self.key(u, stream).unsqueeze(2), values.unsqueeze(2))
