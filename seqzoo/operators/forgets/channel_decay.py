"""A learned decay: one number per key channel and token."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from seqzoo.operators.features import Features
from seqzoo.operators.forgets.forget import DecayForget
from seqzoo.operators.hints import Hint
from seqzoo.operators.low_rank import linear
from seqzoo.operators.place import Dims
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec

__all__ = ["ChannelDecay"]


class ChannelDecay(DecayForget):
    """A_t = Diag(sigmoid(W_up W_down u + b)^(1/temperature)) (GLA, arXiv 2312.06635)."""

    name = "channel_decay"
    hints: ClassVar = {"project": Hint(decay=False)}

    class Spec(PartSpec):
        """Settings of the decay.

        rank: features between the two matrices; null is the least of 16 and the width.
        temperature: the higher, the closer the decay stays to 1.
        lower: null, or the least log decay per token: then g = lower * sigmoid(W_up W_down u + b),
            the bounded form of Kimi Linear's successors, which use -5; temperature is not used.
        """

        rank: PositiveInt | None = None
        temperature: float = Field(default=16.0, gt=0.0)
        lower: float | None = Field(default=None, lt=0.0)

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.shape = (dims.heads, dims.key_size)
        self.temperature, self.lower = spec.temperature, spec.lower
        rank = spec.rank or min(16, dims.width)
        self.project = linear(dims.width, dims.heads * dims.key_size, bias=True, rank=rank)

    def log_decay(self, features: Features, stream: Stream) -> Tensor:
        """-> g (B, T, H, K)."""
        logits = self.project(features.u).unflatten(-1, self.shape)
        if self.lower is not None:
            return self.lower * torch.sigmoid(logits)
        return F.logsigmoid(logits) / self.temperature
