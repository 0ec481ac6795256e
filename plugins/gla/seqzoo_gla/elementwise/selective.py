"""The shell of Mamba-1, which Longhorn shares: everything but the states."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.model import Mixer
from seqzoo.model.duality import LINEAR
from seqzoo.operators import Place, ShortConv, Stream
from seqzoo.scan.part import ScanPart
from seqzoo.spec import PartSpec, slot

__all__ = ["SelectiveMixer", "SelectiveSpec"]


class SelectiveSpec(PartSpec):
    """Sizes of the shell; the defaults are those of both papers.

    expand: E / D, channels a feature of the width.
    state_size: N, states a channel.
    rank: features of the step before it is made for each channel; null is D / 16, rounded up.
    kernel_size: tokens that the convolution sees.
    conv_bias: whether the convolution has a bias.
    bias: whether the projections in and out have one.
    scan: the backend of the element-wise scan.
    """

    expand: PositiveInt = 2
    state_size: PositiveInt = 16
    rank: PositiveInt | None = None
    kernel_size: PositiveInt = 4
    conv_bias: bool = True
    bias: bool = False
    scan: PartSpec[ScanPart] = slot("scan", "auto")


class SelectiveMixer(Mixer):
    """y = W_o ((read(x') + D x') * SiLU(z)), [x, z] = W_i x, x' = SiLU(conv(x)).

    A layer defines `read`: what the N states of each channel contribute to every token.

    Attributes:
        channels: E.
        rank: features of the step.
    """

    scaling = LINEAR

    def __init__(self, spec: Any, place: Place) -> None:
        super().__init__(spec, place)
        self.spec = spec
        self.channels = channels = spec.expand * place.width
        self.rank = spec.rank or -(-place.width // 16)
        self.project_in = nn.Linear(place.width, 2 * channels, bias=spec.bias)
        self.conv = ShortConv(channels, spec.kernel_size, bias=spec.conv_bias)
        self.skip = nn.Parameter(torch.ones(channels))
        self.project = nn.Linear(channels, place.width, bias=spec.bias)

    @abstractmethod
    def read(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, E) after the convolution -> y (B, T, E), the states' part of the output."""

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        x, z = self.project_in(x).chunk(2, dim=-1)
        x = F.silu(self.conv(x, stream))
        y = (self.read(x, stream) + self.skip * x).to(x.dtype)
        return self.project(y * F.silu(z))

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The states' equation, and their number."""
        shape = f"{self.channels} x {self.spec.state_size}"
        return (("state", f"h_t = exp(g_t) * h_{{t-1}} + b_t, {shape}"), ("layer", self.summary()))
