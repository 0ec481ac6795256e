"""The PRISM anchor: u = SiLU(ShortConv(x)) (arXiv 2602.10796, Eq. 9)."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import Field
from torch import Tensor

from seqzoo.operators.activations.activation import Activation
from seqzoo.operators.anchors.anchor import Anchor
from seqzoo.operators.operator import Dims, State
from seqzoo.operators.short_conv import ShortConv
from seqzoo.spec import PartSpec, Slot

__all__ = ["ShortConvAnchor"]


class ShortConvAnchor(Anchor):
    """u_t = act(sum_j w_j * x_{t-j}): a causal depthwise convolution and an activation."""

    name = "short_conv"

    class Spec(PartSpec):
        """kernel_size: tokens seen, the current one included. activation: after the sum."""

        kernel_size: int = Field(default=4, ge=1, le=64)
        activation: Annotated[PartSpec, Slot("activation")] = Field(default=cast("Any", "silu"))

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.conv = ShortConv(dims.width, spec.kernel_size)
        self.activation: Activation = spec.activation.build()

    def initial_state(self, like: Tensor) -> State:
        """The last kernel_size - 1 inputs: zeros (B, kernel_size - 1, D)."""
        return self.conv.initial_state(like)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """x (B, T, D) -> u (B, T, D)."""
        mixed, state = self.conv(x, state)
        return self.activation(mixed), state

    def packed(self, x: Tensor, cu_seqlens: Tensor) -> Tensor:
        """x (1, T, D) -> u (1, T, D), for documents side by side."""
        return self.activation(self.conv.packed(x, cu_seqlens))
