"""Kimi Delta Attention's decay: one number per key channel, bounded or not."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import DecayForget, Dims, Features, Hint, Stream, linear
from seqzoo.operators.gates.softplus import softplus_bias
from seqzoo.operators.interval import Interval
from seqzoo.spec import PartSpec

__all__ = ["KdaDecay"]


class KdaDecay(DecayForget):
    """alpha_t = exp(-exp(A) softplus(z)), z = W_up W_down u + b a key channel (arXiv 2510.26692).

    A is one number a head. With `lower` the log decay is lower * sigmoid(exp(A) z): bounded, as in
    Kimi K3, GLM-5.3-Flash and Ling-3 (a clamped softplus is another function).
    """

    name = "kda_decay"
    hints: ClassVar = {"project": Hint(decay=False)}

    class Spec(PartSpec):
        """Settings of the decay.

        lower: the least log decay a token, which those models set to -5; null for no bound.
        rank: features between W_down and W_up, or `head` for as many as a head's value has; null
            is one matrix, as in Ling-3.
        rates: exp(A) is drawn uniformly between the two; with `lower` it starts at 1.
        step: softplus(b) is drawn log-uniformly between the two.
        """

        lower: float | None = Field(default=None, lt=0.0)
        rank: PositiveInt | Literal["head"] | None = "head"
        rates: Interval = (1.0, 16.0)
        step: Interval = (1e-3, 1e-1)

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.shape, self.lower = (dims.heads, dims.key_size), spec.lower
        channels = dims.heads * dims.key_size
        rank = dims.value_size if spec.rank == "head" else spec.rank
        self.project: Any = linear(dims.width, channels, bias=True, rank=rank)
        last: nn.Linear = self.project if rank is None else self.project[1]
        with torch.no_grad():
            last.bias.copy_(softplus_bias(channels, *spec.step))
        rates = torch.ones(dims.heads)
        if spec.lower is None:
            rates.uniform_(*spec.rates)
        self.log_rate = nn.Parameter(rates.log())

    def log_decay(self, features: Features, stream: Stream) -> Tensor:
        """-> g (B, T, H, K)."""
        z = self.project(features.u).unflatten(-1, self.shape)
        rate = self.log_rate.exp().unsqueeze(-1)
        if self.lower is not None:
            return self.lower * torch.sigmoid(rate * z)
        return -rate * F.softplus(z)
