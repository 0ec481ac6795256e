"""A readout that gates before the norm."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import Dims, Features, Norm, Readout, Stream
from seqzoo.spec import PartSpec, slot

__all__ = ["GatedNormReadout"]


class GatedNormReadout(Readout):
    """y = W_o norm(o * SiLU(W_g x)), the norm over all heads together (M2RNN)."""

    name = "gated_norm"

    class Spec(PartSpec):
        """norm: over the features of all heads."""

        norm: PartSpec[Norm] = slot("norm", "rms_norm")

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        features = dims.heads * dims.value_size
        self.gate = nn.Linear(dims.width, features, bias=False)
        self.norm: Norm = spec.norm.build(features)
        self.project = nn.Linear(features, dims.width, bias=False)

    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        """reads (B, T, H, V), x (B, T, D) -> y (B, T, D)."""
        return self.project(self.norm(reads.flatten(2) * F.silu(self.gate(features.x))))
