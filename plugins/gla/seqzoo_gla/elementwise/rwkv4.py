"""RWKV-4's time mix, whose memory is a mean that favours the newest token."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from seqzoo.model import Mixer
from seqzoo.model.duality import LINEAR
from seqzoo.operators import Hint, Place, PreviousToken, Stream
from seqzoo.scan.part import ScanPart
from seqzoo.spec import PartSpec, slot
from seqzoo_gla.delta.rwkv7.token_mix import TokenMix
from seqzoo_gla.elementwise.channels import Channels
from seqzoo_gla.elementwise.log_sum import RunningLogSumExp, at_most_zero

__all__ = ["Rwkv4"]


class Rwkv4(Mixer):
    """y = W_o (sigmoid(r_t) * o_t), o_t a mean of v_1..v_t under a softmax over tokens.

    Weights are exp(k_s - (t - 1 - s) w) for the tokens before and exp(u + k_t) for the newest, each
    channel's own (RWKV-4, arXiv 2305.13048, equations 14 to 16). The state is the mean without the
    bonus u and the log of its weights' sum,

        z_t = log(exp(z_{t-1} - w) + exp(k_t))
        h_t = exp(z_{t-1} - w - z_t) * h_{t-1} + exp(k_t - z_t) * v_t
        o_t = h_{t-1} + sigmoid(u + k_t - z_{t-1}) * (v_t - h_{t-1})

    which no k overflows. r, k and v are made of x_t + mu * (x_{t-1} - x_t), w = exp(log_rate).
    """

    name = "rwkv4"
    scaling = LINEAR
    hints: ClassVar = {"log_rate": Hint(decay=False), "bonus": Hint(decay=False)}

    class Spec(PartSpec):
        """channels: of the state; null is the width. scan: the backend of the element-wise scan."""

        channels: PositiveInt | None = None
        scan: PartSpec[ScanPart] = slot("scan", "auto")

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        width, channels = place.width, spec.channels or place.width
        self.shift = TokenMix(place, 1.0, 1.0, 0.5)
        self.key = nn.Linear(width, channels, bias=False)
        self.value = nn.Linear(width, channels, bias=False)
        self.receptance = nn.Linear(width, channels, bias=False)
        self.project = nn.Linear(channels, width, bias=False)
        self.log_rate = nn.Parameter(initial_log_rate(place, channels))
        self.bonus = nn.Parameter(math.log(0.3) + ((torch.arange(channels) + 1) % 3 - 1) / 2)
        self.log_sum, self.channels = RunningLogSumExp(), Channels(spec.scan.build(), channels)
        self.last_sum, self.last_mean = PreviousToken(), PreviousToken()
        with torch.no_grad():
            self.shift.mix[1] -= 0.3 * _depth(place)
            nn.init.orthogonal_(self.value.weight)
            for layer in (self.key, self.receptance, self.project):
                layer.weight.zero_()

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        for_key, for_value, for_receptance = self.shift(x, stream)
        key, v = self.key(for_key), self.value(for_value)
        k = key.to(torch.promote_types(key.dtype, torch.float32))
        log_decay = -self.log_rate.exp().view(1, 1, -1)

        z = self.log_sum(k, stream, log_decay)
        begun = torch.ones_like(z[..., :1])
        z_before, begun = self.last_sum(torch.cat([z, begun], -1), stream).tensor_split([-1], -1)
        kept = torch.where(begun > 0, at_most_zero(z_before + log_decay - z), 0.0)
        h = self.channels(kept, (k - z).exp() * v, stream)

        h_before = self.last_mean(h, stream)
        share = torch.where(begun > 0, (self.bonus + k - z_before).sigmoid(), 1.0)
        o = h_before + share * (v - h_before)
        return self.project(self.receptance(for_receptance).sigmoid() * o.to(key.dtype))

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The channels' equation, and their number."""
        return (*self.channels.recurrence(), ("layer", self.summary()))


def initial_log_rate(place: Place, channels: int) -> Tensor:
    """log w (channels,): from -5 to 3 over the channels, in later layers most of them low."""
    along = torch.arange(channels) / max(1, channels - 1)
    return -5 + 8 * along ** (0.7 + 1.3 * _depth(place))


def _depth(place: Place) -> float:
    """0 in the first layer, 1 in the last."""
    return place.layer / max(1, place.layers - 1)
