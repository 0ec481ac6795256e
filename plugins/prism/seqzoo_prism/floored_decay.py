"""PRISM-LM's decay: one number per key channel, never below a floor."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import DecayForget, Dims, Features, Hint, Stream
from seqzoo.spec import PartSpec

__all__ = ["FlooredDecay"]


class FlooredDecay(DecayForget):
    """A_t = Diag(max(sigmoid(W_up (W_down x + b) + c)^(1/temperature), floor))."""

    name = "floored_decay"
    hints: ClassVar = {"down": Hint(decay=False), "up": Hint(decay=False)}

    class Spec(PartSpec):
        """Settings of the decay.

        of: what it is made of, the mixer's input x or the anchor u.
        rank: features between the two matrices.
        temperature: the higher, the closer the decay stays to 1.
        floor: the least share of a channel that is kept per token.
        """

        of: Literal["x", "u"] = "x"
        rank: PositiveInt = 16
        temperature: float = Field(default=16.0, gt=0.0)
        floor: float = Field(default=0.01, gt=0.0, lt=1.0)

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.of = spec.of
        self.shape = (dims.heads, dims.key_size)
        self.temperature, self.floor = spec.temperature, math.log(spec.floor)
        self.down = nn.Linear(dims.width, spec.rank)
        self.up = nn.Linear(spec.rank, dims.heads * dims.key_size)

    def log_decay(self, features: Features, stream: Stream) -> Tensor:
        """-> g (B, T, H, K)."""
        source = features.x if self.of == "x" else features.u
        logits = self.up(self.down(source)).unflatten(-1, self.shape)
        return (F.logsigmoid(logits) / self.temperature).clamp_min(self.floor)
