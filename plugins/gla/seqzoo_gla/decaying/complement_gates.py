"""HGRN2's tied gates: a channel takes in as much as it forgets."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from seqzoo.operators import Dims, Hint, Projection, Stream, linear
from seqzoo.scan.precision import wide
from seqzoo.spec import PartSpec, slot
from seqzoo_gla.decaying.tied import DecayingInjection, DecayingWrites
from seqzoo_gla.lower_bounds import LowerBounds, forget_gates

__all__ = ["ComplementGates"]


class ComplementGates(DecayingInjection):
    """B_t = v_t (1 - f_t)^T, decay f_t = b + (1 - b) sigmoid(W_f u) (HGRN2, arXiv 2404.07904).

    The lower bounds b rise from layer to layer: of the softmax over layers of one learned number a
    channel and layer, b is the sum up to this layer without the first, so b = 0 in the first.
    """

    name = "complement_gates"
    hints: ClassVar = {"project": Hint(decay=False)}

    class Spec(PartSpec):
        """How a write is made.

        value: a projection of u.
        lower_bounds: whether there is b. One parameter holds all layers' bounds; it belongs to the
            first `recurrent` layer of the model, which must then have this injection.
        """

        value: PartSpec[Projection] = slot("projection", "linear", default_type="linear")
        lower_bounds: bool = True

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        place, features = dims.place, dims.key_heads * dims.key_size
        self.shape = (dims.key_heads, dims.key_size)
        self.project = linear(dims.width, features)
        self.value: Projection = spec.value.build(place, dims.heads, dims.value_size)
        missing = (
            f"injection '{self.name}' finds no lower bounds: the model's first recurrent layer "
            "makes them, and has another injection; give it this one, or write lower_bounds: false"
        )
        bounded = spec.lower_bounds
        self.bounds = LowerBounds(place, features, self.name, missing) if bounded else None

    def forward(self, u: Tensor, stream: Stream) -> DecayingWrites:
        """u (B, T, D) -> writes of rank R = 1, keys in (0, 1)."""
        logits = self.project(u)
        bound = None if self.bounds is None else self.bounds(wide(logits), stream)
        gates = forget_gates(logits, bound)
        log_decay, keys = (each.unflatten(-1, self.shape) for each in gates)
        values = self.value(u, stream).unsqueeze(2)
        return DecayingWrites(keys.unsqueeze(2), values, log_decay=log_decay)
