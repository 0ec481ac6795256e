"""RWKV-7's decay, one number a key channel, bounded below."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from seqzoo.operators import DecayForget, Dims, Features, Hint, Place, Stream
from seqzoo.spec import PartSpec
from seqzoo_gla.delta.rwkv7.low_rank import LowRank, rank_for
from seqzoo_gla.delta.rwkv7.token_mix import TokenMix

__all__ = ["Rwkv7Decay"]

LEAST = -math.exp(-0.5)  # the least log decay a token: w > 0.545


class Rwkv7Decay(DecayForget):
    """w_t = exp(-e^-0.5 sigmoid(w_0 + W_2 tanh(W_1 x_w))), x_w a token mix (arXiv 2503.14456)."""

    name = "rwkv7_decay"
    hints: ClassVar = {"base": Hint(lr=2.0)}

    class Spec(PartSpec):
        """rank: features between W_1 and W_2; null is 2.5 sqrt(D) in multiples of 32."""

        rank: PositiveInt | None = None

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.shape = (dims.heads, dims.key_size)
        self.shift = TokenMix(dims.place, 0.9)
        rank = spec.rank or rank_for(dims.width, 2.5)
        self.low_rank = LowRank(dims.width, dims.heads * dims.key_size, rank, nn.Tanh())
        self.base = nn.Parameter(initial_base(dims.place, *self.shape))

    def log_decay(self, features: Features, stream: Stream) -> Tensor:
        """-> g (B, T, H, K)."""
        (mixed,) = self.shift(features.u, stream)
        logits = self.base + self.low_rank(mixed)
        return LEAST * torch.sigmoid(logits).unflatten(-1, self.shape)


def initial_base(place: Place, heads: int, size: int) -> Tensor:
    """w_0 (H * K,) of channel n: -5.5 + 6 (n/last)^(1 + r^0.3) + 2.5 z |z|.

    r is the layer's place from 0 to 1, z goes from -1 to 1 within each head.
    """
    layer = place.layer / max(1, place.layers - 1)
    along = torch.arange(heads * size) / max(1, heads * size - 1)
    within = torch.linspace(-1.0, 1.0, size).repeat(heads) if size > 1 else torch.zeros(heads)
    return -5.5 + 6 * along ** (1 + layer**0.3) + 2.5 * within * within.abs()
