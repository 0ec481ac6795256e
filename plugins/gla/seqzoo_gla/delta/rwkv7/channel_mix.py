"""RWKV-7's channel mix, which stands where other models have an MLP."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.model.mlp import MLP
from seqzoo.operators import Place, Stream
from seqzoo.spec import PartSpec
from seqzoo_gla.delta.rwkv7.token_mix import TokenMix

__all__ = ["Rwkv7ChannelMix"]


class Rwkv7ChannelMix(MLP):
    """W_v max(W_k x', 0)^2, x' = x_t + mu * (x_{t-1} - x_t) (RWKV-7, arXiv 2503.14456).

    mu starts at 1 - (c/D)^((1 - layer/layers)^4), W_v at 0.
    """

    name = "rwkv7_channel_mix"
    looks_back = True

    class Spec(PartSpec):
        """ratio: hidden features, in widths."""

        ratio: float = Field(default=4.0, gt=0.0)

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        hidden = max(1, round(spec.ratio * place.width))
        self.shift = TokenMix(place, (1 - place.layer / place.layers) ** 3)
        self.key = nn.Linear(place.width, hidden, bias=False)
        self.value = nn.Linear(hidden, place.width, bias=False)
        nn.init.orthogonal_(self.key.weight)
        nn.init.zeros_(self.value.weight)

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> (B, T, D)."""
        (mixed,) = self.shift(x, stream)
        return self.value(F.relu(self.key(mixed)).square())
