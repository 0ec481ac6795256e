"""The plain readout."""

from __future__ import annotations

from torch import Tensor, nn

from seqzoo.operators.features import Features
from seqzoo.operators.norms.norm import Norm
from seqzoo.operators.place import Dims
from seqzoo.operators.readouts.readout import Readout
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec, slot

__all__ = ["LinearReadout"]


class LinearReadout(Readout):
    """y = W_o norm(o)."""

    name = "linear"

    class Spec(PartSpec):
        """norm: over each head's features. bias: whether W_o has one."""

        norm: PartSpec[Norm] = slot("norm", "none")
        bias: bool = False

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.norm = spec.norm.build(dims.value_size)
        features = dims.heads * dims.value_size
        self.project = nn.Linear(features, dims.width, bias=spec.bias)

    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        """reads (B, T, H, V) -> y (B, T, D)."""
        return self.project(self.norm(reads).flatten(2))
