"""RWKV's token shift: a learned mix of a token with the one before, one for each use."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from seqzoo.operators import Hint, Place, PreviousToken, Stream

__all__ = ["TokenMix"]


class TokenMix(nn.Module):
    """x_t + mu_i * (x_{t-1} - x_t), i = 1..n, mu_i learned for each channel.

    Before training mu_i = 1 - (c/D)^(p_i (1 - layer/layers)) at channel c of D: late channels and
    late layers see mostly the token itself.

    Args:
        place: width, layer and number of layers.
        powers: p_i.
    """

    hints: ClassVar = {"mix": Hint(decay=False)}

    def __init__(self, place: Place, *powers: float) -> None:
        super().__init__()
        channels = torch.arange(place.width) / place.width
        rest = 1 - place.layer / place.layers
        self.mix = nn.Parameter(torch.stack([1 - channels ** (power * rest) for power in powers]))
        self.previous = PreviousToken()

    def forward(self, x: Tensor, stream: Stream) -> tuple[Tensor, ...]:
        """x (B, T, D) -> n of (B, T, D)."""
        previous = self.previous(x, stream)
        return tuple(torch.lerp(x, previous, mix) for mix in self.mix.to(x.dtype))
