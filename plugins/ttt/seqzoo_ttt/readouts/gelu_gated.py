"""The readout of the second published TTT shell."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import Dims, Features, Readout, Stream
from seqzoo.spec import PartSpec

__all__ = ["GeluGatedReadout"]


class GeluGatedReadout(Readout):
    """y = W_o (gelu(W_g x) * LN(o)), LN over all heads together, GELU by its tanh form (TTT)."""

    name = "gelu_gated"

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        features = dims.heads * dims.value_size
        self.gate = nn.Linear(dims.width, features, bias=False)
        self.norm = nn.LayerNorm(features, eps=1e-6)
        self.project = nn.Linear(features, dims.width, bias=False)

    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        """reads (B, T, H, V), x (B, T, D) -> y (B, T, D)."""
        gate = F.gelu(self.gate(features.x), approximate="tanh")
        return self.project(gate * self.norm(reads.flatten(2)))
