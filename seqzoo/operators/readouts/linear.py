"""The plain readout."""

from __future__ import annotations

from torch import Tensor, nn

from seqzoo.operators.operator import Dims
from seqzoo.operators.readouts.readout import HeadNorm, Readout, head_norm
from seqzoo.spec import PartSpec

__all__ = ["LinearReadout"]


class LinearReadout(Readout):
    """y = W_o norm(o)."""

    name = "linear"

    class Spec(PartSpec):
        """norm: over each head's features, none by default."""

        norm: HeadNorm = "none"

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.norm = head_norm(spec.norm, dims.value_size)
        self.project = nn.Linear(dims.heads * dims.value_size, dims.width, bias=False)

    def forward(self, reads: Tensor, x: Tensor) -> Tensor:
        """reads (B, T, H, V) -> y (B, T, D)."""
        return self.project(self.norm(reads).flatten(2))
