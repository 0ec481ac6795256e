"""The gated readout of the gated linear attention family."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt
from torch import Tensor, nn

from seqzoo.operators.activations.activation import Activation
from seqzoo.operators.features import Features
from seqzoo.operators.low_rank import linear
from seqzoo.operators.norms.norm import Norm
from seqzoo.operators.place import Dims
from seqzoo.operators.readouts.readout import Readout
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec, slot

__all__ = ["GatedReadout"]


class GatedReadout(Readout):
    """y = W_o (norm(o) * act(W_g x))."""

    name = "gated"

    class Spec(PartSpec):
        """How reads are gated.

        norm: over each head's features.
        activation: of the gate.
        rank: features between two thin matrices in place of W_g, or `head` for the size of a head's
            value; null is one matrix.
        gate_bias: whether the gate has a bias.
        """

        norm: PartSpec[Norm] = slot("norm", "rms_norm")
        activation: PartSpec[Activation] = slot("activation", "silu")
        rank: PositiveInt | Literal["head"] | None = None
        gate_bias: bool = False

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        features = dims.heads * dims.value_size
        self.norm = spec.norm.build(dims.value_size)
        rank = dims.value_size if spec.rank == "head" else spec.rank
        self.gate = linear(dims.width, features, bias=spec.gate_bias, rank=rank)
        self.activation = spec.activation.build()
        self.project = nn.Linear(features, dims.width, bias=False)

    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        """reads (B, T, H, V), x (B, T, D) -> y (B, T, D)."""
        return self.project(self.norm(reads).flatten(2) * self.activation(self.gate(features.x)))
