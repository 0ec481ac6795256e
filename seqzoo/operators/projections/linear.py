"""The usual projection: a matrix, then convolution, activation, norm and rotary."""

from __future__ import annotations

from typing import Any

from pydantic import Field, PositiveInt
from torch import Tensor

from seqzoo.operators.activations.activation import Activation
from seqzoo.operators.low_rank import linear
from seqzoo.operators.norms.norm import Norm
from seqzoo.operators.place import Place
from seqzoo.operators.projections.projection import Projection
from seqzoo.operators.rotary import Rotary, RotarySpec
from seqzoo.operators.short_conv import ShortConv
from seqzoo.operators.stream import Stream
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec, slot

__all__ = ["LinearProjection"]


class LinearProjection(Projection):
    """rotary(norm(act(conv(W u + b))))."""

    name = "linear"

    class Spec(PartSpec):
        """Settings of the projection, applied to W u in this order.

        rank: features between two thin matrices in place of W; null is one matrix.
        bias: whether there is b.
        kernel_size: of a causal depthwise convolution; 1 for none.
        conv_bias: whether the convolution has a bias.
        activation: after it.
        norm: of each head's vector.
        rotary: how positions rotate it; null for no rotation.
        """

        rank: PositiveInt | None = None
        bias: bool = False
        kernel_size: int = Field(default=1, ge=1, le=64)
        conv_bias: bool = False
        activation: PartSpec[Activation] = slot("activation", "identity")
        norm: PartSpec[Norm] = slot("norm", "none")
        rotary: RotarySpec | None = None

    def __init__(self, spec: Spec, place: Place, heads: int, size: int) -> None:
        super().__init__(spec, place, heads, size)
        self.shape = (heads, size)
        features = heads * size
        self.project = linear(place.width, features, bias=spec.bias, rank=spec.rank)
        self.conv = (
            ShortConv(features, spec.kernel_size, bias=spec.conv_bias)
            if spec.kernel_size > 1
            else None
        )
        self.activation = spec.activation.build()
        self.norm = spec.norm.build(size)
        self.rotary = Rotary(spec.rotary, size) if spec.rotary else None

    @classmethod
    def is_unit(cls, spec: Any) -> bool:
        """As its norm says."""
        return spec.norm.part.unit

    def forward(self, u: Tensor, stream: Stream, writes: Writes | None = None) -> Tensor:
        """u (B, T, D) -> (B, T, heads, size)."""
        return self.normed(self.unnormed(u, stream), stream)

    def unnormed(self, u: Tensor, stream: Stream) -> Tensor:
        """act(conv(W u + b)), (B, T, heads, size), for a layer that uses the lengths."""
        x = self.project(u)
        if self.conv is not None:
            x = self.conv(x, stream)
        return self.activation(x).unflatten(-1, self.shape)

    def normed(self, x: Tensor, stream: Stream) -> Tensor:
        """rotary(norm(x)), (B, T, heads, size): the rest of the way from `unnormed`."""
        x = self.norm(x)
        return x if self.rotary is None else self.rotary(x, stream)
