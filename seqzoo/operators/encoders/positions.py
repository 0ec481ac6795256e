"""Learned positions that restart in each chunk."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqzoo.operators.encoders.encoder import Encoder
from seqzoo.operators.place import ChunkDims
from seqzoo.spec import PartSpec

__all__ = ["PositionEncoder"]


class PositionEncoder(Encoder):
    """x_t + P[t mod C]: positions within the chunk, so that no length has an unseen one."""

    name = "positions"

    def __init__(self, spec: PartSpec, dims: ChunkDims) -> None:
        super().__init__(spec, dims)
        self.positions = nn.Parameter(0.02 * torch.randn(dims.chunk, dims.width))

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        """x (B, T, D) and places (T,) or (B, T) -> (B, T, D)."""
        return x + self.positions[places]
