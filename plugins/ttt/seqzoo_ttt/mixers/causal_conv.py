"""A convolution as a layer of its own, which TTT's second published shell has before each block."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor

from seqzoo.model import Mixer
from seqzoo.model.duality import LINEAR
from seqzoo.operators import Place, ShortConv, Stream
from seqzoo.spec import PartSpec

__all__ = ["CausalConvMixer"]


class CausalConvMixer(Mixer):
    """y_t = sum_{j < kernel_size} w_j * x_{t-j} + b, channel by channel (arXiv 2407.04620, in JAX).

    It has no activation and no projection. The preset `ttt-gated` of layers puts one before each
    layer of TTT, behind a norm and in a residual branch of its own.
    """

    name = "causal_conv"
    scaling = LINEAR

    class Spec(PartSpec):
        """kernel_size: tokens seen. bias: whether there is b."""

        kernel_size: PositiveInt = 4
        bias: bool = True

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        self.conv = ShortConv(place.width, spec.kernel_size, bias=spec.bias)

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        return self.conv(x, stream)

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """How many tokens it keeps, and what it makes of them."""
        return (
            ("state", f"the last {self.conv.weight.shape[-1] - 1} inputs"),
            ("layer", self.summary()),
        )
