"""Titans' readout: a gate for each head, and a projection."""

from __future__ import annotations

from torch import Tensor, nn

from seqzoo.operators import Dims, Features, Readout, Stream
from seqzoo.spec import PartSpec

__all__ = ["HeadGatedReadout"]


class HeadGatedReadout(Readout):
    """y = W_o (sigmoid(w_h x) o_h), one gate a head (titans-pytorch)."""

    name = "head_gated"

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.gate = nn.Linear(dims.width, dims.heads, bias=False)
        self.project = nn.Linear(dims.heads * dims.value_size, dims.width, bias=False)

    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        """reads (B, T, H, V), x (B, T, D) -> y (B, T, D)."""
        gates = self.gate(features.x).sigmoid().unsqueeze(-1)
        return self.project((gates * reads).flatten(2))
