"""RWKV-7's readout: a norm per head, a bonus of the token's own write, a gate."""

from __future__ import annotations

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import Dims, Features, Readout, Stream
from seqzoo.spec import PartSpec
from seqzoo_gla.delta.rwkv7.low_rank import LowRank, rank_for
from seqzoo_gla.delta.rwkv7.token_mix import TokenMix

__all__ = ["Rwkv7Readout"]


class Rwkv7Readout(Readout):
    """y = W_o ((norm(o) + (sum_c r k r_k) v) * g), g = G_2 sigmoid(G_1 x_g) (arXiv 2503.14456).

    The norm is a LayerNorm over each head, with a gain and a bias for every channel of all heads.
    """

    name = "rwkv7_readout"

    class Spec(PartSpec):
        """Settings of norm and gate.

        epsilon: added to the variance; null is 1e-5 for each feature of a head, 64e-5 at 64.
        rank: features between G_1 and G_2; null is 5 sqrt(D) in multiples of 32.
        """

        epsilon: PositiveFloat | None = None
        rank: PositiveInt | None = None

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        place, features = dims.place, dims.heads * dims.value_size
        self.sharing = dims.heads // dims.key_heads
        self.epsilon = spec.epsilon or dims.value_size * 1e-5
        gain = ((place.layer + 1) / place.layers) ** 0.7
        self.weight = nn.Parameter(torch.full((features,), gain))
        self.bias = nn.Parameter(torch.zeros(features))
        self.bonus = nn.Parameter(torch.zeros(dims.key_heads * dims.key_size))  # r_k
        self.shift = TokenMix(place, 0.2)
        rank = spec.rank or rank_for(dims.width, 5.0)
        self.gate = LowRank(dims.width, features, rank, nn.Sigmoid())
        self.project = nn.Linear(features, dims.width, bias=False)
        nn.init.zeros_(self.project.weight)

    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        """reads (B, T, H, V), x (B, T, D), r, k and v of each token -> y (B, T, D)."""
        normed = F.layer_norm(reads, reads.shape[-1:], eps=self.epsilon).flatten(2)
        y = normed * self.weight + self.bias + self._bonus(features)
        (mixed,) = self.shift(features.x, stream)
        return self.project(y * self.gate(mixed))

    def _bonus(self, features: Features) -> Tensor:
        """(sum over K of r k r_k) v, (B, T, H * V); of several micro-steps, the last one's."""
        writes = features.writes
        keys, values = (
            each[:, writes.steps - 1 :: writes.steps, 0] for each in (writes.keys, writes.values)
        )
        agreement = features.queries * keys * self.bonus.unflatten(0, keys.shape[2:])
        agreement = agreement.sum(-1, keepdim=True).repeat_interleave(self.sharing, dim=2)
        return (agreement * values).flatten(2)
