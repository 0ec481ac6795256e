"""RWKV-7's queries."""

from __future__ import annotations

from torch import Tensor, nn

from seqzoo.operators import Place, Projection, Stream
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec
from seqzoo_gla.delta.rwkv7.token_mix import TokenMix

__all__ = ["Rwkv7Receptance"]


class Rwkv7Receptance(Projection):
    """r_t = W_r (x_t + mu * (x_{t-1} - x_t)), W_r orthogonal at first (arXiv 2503.14456)."""

    name = "rwkv7_receptance"

    def __init__(self, spec: PartSpec, place: Place, heads: int, size: int) -> None:
        super().__init__(spec, place, heads, size)
        self.shape = (heads, size)
        self.shift = TokenMix(place, 0.2)
        self.project = nn.Linear(place.width, heads * size, bias=False)
        nn.init.orthogonal_(self.project.weight)

    def forward(self, u: Tensor, stream: Stream, writes: Writes | None = None) -> Tensor:
        """u (B, T, D) -> (B, T, heads, size)."""
        (mixed,) = self.shift(u, stream)
        return self.project(mixed).unflatten(-1, self.shape)
