"""The PRISM anchor: u = SiLU(ShortConv(x)) (arXiv 2602.10796, Eq. 9)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from seqzoo.operators.activations.activation import Activation
from seqzoo.operators.anchors.anchor import Anchor
from seqzoo.operators.norms.norm import Norm
from seqzoo.operators.place import Dims
from seqzoo.operators.short_conv import ShortConv
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec, slot

__all__ = ["ShortConvAnchor"]


class ShortConvAnchor(Anchor):
    """u_t = norm(act(sum_j w_j * x_{t-j} + b)): a causal depthwise convolution."""

    name = "short_conv"

    class Spec(PartSpec):
        """Settings of the convolution.

        kernel_size: tokens seen, the current one included.
        bias: whether there is b.
        activation: after the sum.
        norm: after the activation, over the width.
        """

        kernel_size: int = Field(default=4, ge=1, le=64)
        bias: bool = False
        activation: PartSpec[Activation] = slot("activation", "silu")
        norm: PartSpec[Norm] = slot("norm", "none")

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.conv = ShortConv(dims.width, spec.kernel_size, bias=spec.bias)
        self.activation = spec.activation.build()
        self.norm = spec.norm.build(dims.width)

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> u (B, T, D)."""
        return self.norm(self.activation(self.conv(x, stream)))
