"""LFM2's gated convolution: a mixer whose only memory is the last few tokens."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor, nn

from seqzoo.model import Mixer
from seqzoo.model.duality import LINEAR
from seqzoo.operators import Place, Stream
from seqzoo.operators.short_conv import ShortConv
from seqzoo.spec import PartSpec

__all__ = ["ShortConvMixer"]


class ShortConvMixer(Mixer):
    """y = W_o (c * conv(b * v)), [b, c, v] = W x (LFM2, arXiv 2511.23404).

    The convolution is depthwise and causal; neither it nor the gates have an activation.
    """

    name = "short_conv"
    scaling = LINEAR

    class Spec(PartSpec):
        """kernel_size: tokens seen, 3 in LFM2 and 7 in LFM3. bias: of projections and convolution.

        LFM2 has no biases.
        """

        kernel_size: PositiveInt = 3
        bias: bool = False

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        width = place.width
        self.project_in = nn.Linear(width, 3 * width, bias=spec.bias)
        self.conv = ShortConv(width, spec.kernel_size, bias=spec.bias)
        self.project = nn.Linear(width, width, bias=spec.bias)

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        b, c, v = self.project_in(x).chunk(3, dim=-1)
        return self.project(c * self.conv(b * v, stream))

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The convolution, and how many tokens it keeps."""
        kernel_size = self.conv.weight.shape[-1]
        return (
            ("state", f"the last {kernel_size - 1} inputs b * v of the convolution"),
            ("layer", self.summary()),
        )
