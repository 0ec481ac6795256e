"""TTT's readout: a layer norm over all heads, and a projection."""

from __future__ import annotations

from torch import Tensor, nn

from seqzoo.operators import Dims, Features, Readout, Stream
from seqzoo.spec import PartSpec

__all__ = ["LayerNormedReadout"]


class LayerNormedReadout(Readout):
    """y = W_o LN(o), LN over the features of all heads together (arXiv 2407.04620)."""

    name = "layer_normed"

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        features = dims.heads * dims.value_size
        self.norm = nn.LayerNorm(features, eps=1e-6)
        self.project = nn.Linear(features, dims.width, bias=False)

    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        """reads (B, T, H, V) -> y (B, T, D)."""
        return self.project(self.norm(reads.flatten(2)))
