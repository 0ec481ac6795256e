"""A projection through a few features per head."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from seqzoo.operators import Norm, Place, Projection, Stream
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec, slot

__all__ = ["BottleneckProjection"]


class BottleneckProjection(Projection):
    """norm(W2_h W1_h u), through `rank` features a head: EDA's erase key (arXiv 2606.26560)."""

    name = "bottleneck"

    class Spec(PartSpec):
        """rank: features between the two matrices, for each head. norm: of each head's vector."""

        rank: PositiveInt = 16
        norm: PartSpec[Norm] = slot("norm", "none")

    def __init__(self, spec: Spec, place: Place, heads: int, size: int) -> None:
        super().__init__(spec, place, heads, size)
        self.down = nn.Linear(place.width, heads * spec.rank, bias=False)
        self.up = nn.Parameter(torch.randn(heads, size, spec.rank) * spec.rank**-0.5)
        self.norm: Norm = spec.norm.build(size)

    @classmethod
    def is_unit(cls, spec: Any) -> bool:
        """As its norm says."""
        return spec.norm.part.unit

    def forward(self, u: Tensor, stream: Stream, writes: Writes | None = None) -> Tensor:
        """u (B, T, D) -> (B, T, heads, size)."""
        narrow = self.down(u).unflatten(-1, (self.up.shape[0], -1, 1))
        return self.norm((self.up.to(narrow.dtype) @ narrow).squeeze(-1))
