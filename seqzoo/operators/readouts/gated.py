"""The gated readout of the gated linear attention family."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import Field
from torch import Tensor, nn

from seqzoo.operators.activations.activation import Activation
from seqzoo.operators.operator import Dims
from seqzoo.operators.readouts.readout import HeadNorm, Readout, head_norm
from seqzoo.spec import PartSpec, Slot

__all__ = ["GatedReadout"]


class GatedReadout(Readout):
    """y = W_o (norm(o) * act(W_g x))."""

    name = "gated"

    class Spec(PartSpec):
        """norm: over each head's features. activation: of the gate."""

        norm: HeadNorm = "rms_norm"
        activation: Annotated[PartSpec, Slot("activation")] = Field(default=cast("Any", "silu"))

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        features = dims.heads * dims.value_size
        self.norm = head_norm(spec.norm, dims.value_size)
        self.gate = nn.Linear(dims.width, features, bias=False)
        self.activation: Activation = spec.activation.build()
        self.project = nn.Linear(features, dims.width, bias=False)

    def forward(self, reads: Tensor, x: Tensor) -> Tensor:
        """reads (B, T, H, V), x (B, T, D) -> y (B, T, D)."""
        return self.project(self.norm(reads).flatten(2) * self.activation(self.gate(x)))
