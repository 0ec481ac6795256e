"""RWKV-7's write: keys scaled by the rate of their erase, values shared between layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from seqzoo.operators import Dims, Injection, Stream, unit_norm
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec
from seqzoo_gla.delta.rwkv7.low_rank import LowRank, rank_for
from seqzoo_gla.delta.rwkv7.token_mix import TokenMix

__all__ = ["FIRST_VALUES", "Rwkv7Write", "Rwkv7Writes"]

FIRST_VALUES = "rwkv7.first_values"


@dataclass(frozen=True, eq=False)
class Rwkv7Writes(Writes):
    """RWKV-7's write, and what its erase needs of it.

    Args:
        removal: kk, (B, T, G, K), of length 1.
        rates: a, (B, T, G, K), in (0, 1).
    """

    removal: Tensor | None = None
    rates: Tensor | None = None


class Rwkv7Write(Injection):
    """B_t = v_t k_t^T, k = k' * (1 + (a - 1) * k_a), v mixed with the first layer's (2503.14456).

        k' = W_k x_k        a = sigmoid(a_0 + A_2 A_1 x_a)        kk = k' * k_k / |k' * k_k|
        v = v' + (v'_first - v') * sigmoid(v_0 + V_2 V_1 x_v)     v' = W_v x_v

    with x_k, x_v and x_a mixes with the token before. Beside the write it makes kk and a for the
    forget `rwkv7_erase`.
    """

    name = "rwkv7_write"

    class Spec(PartSpec):
        """Features between thin matrices.

        rate_rank: of A; null is 2.5 sqrt(D) in multiples of 32.
        value_rank: of V; null is 1.7 sqrt(D) in multiples of 32.
        """

        rate_rank: PositiveInt | None = None
        value_rank: PositiveInt | None = None

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        width, channels = dims.width, dims.key_heads * dims.key_size
        self.keys, self.values = (dims.key_heads, dims.key_size), (dims.heads, dims.value_size)
        self.shift = TokenMix(dims.place, 0.7, 0.7, 0.9)
        self.key = nn.Linear(width, channels, bias=False)
        self.value = nn.Linear(width, dims.heads * dims.value_size, bias=False)
        nn.init.orthogonal_(self.key.weight, 0.1)
        nn.init.orthogonal_(self.value.weight)
        self.rate = LowRank(width, channels, spec.rate_rank or rank_for(width, 2.5))
        self.rate_base = nn.Parameter(torch.zeros(channels))
        self.removal = nn.Parameter(torch.ones(channels))  # k_k
        self.tempered = nn.Parameter(torch.ones(channels))  # k_a
        self.first = dims.place.kin == 0
        if not self.first:
            features = dims.heads * dims.value_size
            self.residual = LowRank(width, features, spec.value_rank or rank_for(width, 1.7))
            self.residual_base = nn.Parameter(torch.ones(features))

    @classmethod
    def misfit(cls, spec: Any, forget: Any) -> str:
        """The forget must use the vectors made for the erase."""
        if forget.part.name == "rwkv7_erase":
            return ""
        return (
            f"'{cls.name}' makes the vectors of RWKV-7's erase, and '{forget.part.name}' does not "
            "take them; use forget: rwkv7_erase"
        )

    def forward(self, u: Tensor, stream: Stream) -> Rwkv7Writes:
        """u (B, T, D) -> writes of rank R = 1, kk and a."""
        for_key, for_value, for_rate = self.shift(u, stream)
        key, value = self.key(for_key), self.value(for_value)
        rate = torch.sigmoid(self.rate_base + self.rate(for_rate))
        removal = unit_norm((key * self.removal).unflatten(-1, self.keys))
        key = key * (1 + (rate - 1) * self.tempered)
        return Rwkv7Writes(
            key.unflatten(-1, self.keys).unsqueeze(2),
            self._mixed(value, for_value, stream).unflatten(-1, self.values).unsqueeze(2),
            removal=removal,
            rates=rate.unflatten(-1, self.keys),
        )

    def _mixed(self, value: Tensor, for_value: Tensor, stream: Stream) -> Tensor:
        """v' and x_v (B, T, D) -> v (B, T, H * V), mixed with the first layer's values."""
        first = stream.shared(FIRST_VALUES)
        if self.first or first is None:
            stream.share(FIRST_VALUES, value)
            return value
        share = torch.sigmoid(self.residual_base + self.residual(for_value))
        return value + (first - value) * share.to(value.dtype)
