"""Griffin's recurrent block and its real-gated linear recurrent unit (RG-LRU)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.errors import counted
from seqzoo.model import Mixer
from seqzoo.model.duality import LINEAR
from seqzoo.model.heads import default_heads
from seqzoo.operators import Activation, Hint, Place, ShortConv, Stream
from seqzoo.scan.part import ScanPart
from seqzoo.spec import PartSpec, slot
from seqzoo_gla.elementwise.block_diagonal import BlockDiagonal
from seqzoo_gla.elementwise.channels import Channels

__all__ = ["GeluTanh", "RgLru"]

SHARPNESS = 8.0  # c of the paper
LEAST = 1e-12  # of 1 - a^2: its root's slope stays finite


class GeluTanh(Activation):
    """GELU by its tanh formula, as JAX has it."""

    name = "gelu_tanh"

    def forward(self, x: Tensor) -> Tensor:
        """x (...) -> (...)."""
        return F.gelu(x, approximate="tanh")


class RgLru(Mixer):
    """y = W_o (act(W_y x) * h), h_t = a_t * h_{t-1} + sqrt(1 - a_t^2) * i_t * v_t, v = conv(W_x x).

    log a = -8 r softplus(p), r = sigmoid(W_r v + b_r), i = sigmoid(W_i v + b_i), with W_r and W_i
    block-diagonal (Griffin, arXiv 2402.19427). A sequence's first token has 1 in place of the root,
    as in RecurrentGemma.
    """

    name = "rglru"
    hints: ClassVar = {"forget_gate": Hint(decay=False)}
    scaling = LINEAR

    class Spec(PartSpec):
        """Sizes and choices; the defaults are RecurrentGemma's.

        channels: of the state; null is the width.
        blocks: of the gates' matrices; null is one for every 64 channels.
        kernel_size: tokens that the convolution sees.
        activation: of the branch beside the recurrence.
        scan: the backend of the element-wise scan.
        """

        channels: PositiveInt | None = None
        blocks: PositiveInt | None = None
        kernel_size: PositiveInt = 4
        activation: PartSpec[Activation] = slot("activation", "gelu_tanh")
        scan: PartSpec[ScanPart] = slot("scan", "auto")

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        width, channels = place.width, spec.channels or place.width
        self.blocks = spec.blocks or default_heads(channels)
        size = channels // self.blocks
        self.beside = nn.Linear(width, channels)
        self.activation: Activation = spec.activation.build()
        self.inputs = nn.Linear(width, channels)
        self.conv = ShortConv(channels, spec.kernel_size, bias=True)
        self.input_gate = BlockDiagonal(self.blocks, size, size, bias=True)
        self.forget_gate = BlockDiagonal(self.blocks, size, size, bias=True)
        kept = torch.empty(channels).uniform_(0.9**2, 0.999**2).sqrt()  # exp(-softplus(p))
        self.rate = nn.Parameter((1 / kept - 1).log())
        self.channels = Channels(spec.scan.build(), channels)
        self.project = nn.Linear(channels, width)

    @classmethod
    def misfit(cls, spec: Any, width: int) -> str:
        """Blocks that do not divide the channels."""
        channels = spec.channels or width
        if spec.blocks is None or channels % spec.blocks == 0:
            return ""
        return (
            f"mixer 'rglru': {counted(spec.blocks, 'block')} do not divide {channels} channels; "
            "choose blocks that do, or leave blocks out"
        )

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        v = self.conv(self.inputs(x), stream)
        blocks = v.unflatten(-1, (self.blocks, -1))
        r, i = self.forget_gate(blocks).sigmoid(), self.input_gate(blocks).sigmoid()
        wide = torch.promote_types(x.dtype, torch.float32)
        log_a = r.flatten(2).to(wide) * (-SHARPNESS * F.softplus(self.rate))
        scale = (-torch.expm1(2 * log_a)).clamp_min(LEAST).sqrt()
        first = (stream.positions(self, x) == 0).unsqueeze(-1)
        scale = torch.lerp(scale, scale.new_ones(()), first.to(scale.dtype))
        h = self.channels(log_a, scale * (i.flatten(2) * v), stream)
        return self.project(self.activation(self.beside(x)) * h.to(v.dtype))

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The channels' equation, and their number."""
        return (*self.channels.recurrence(), ("layer", self.summary()))
