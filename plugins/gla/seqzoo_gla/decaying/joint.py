"""A readout that norms all heads together."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor, nn

from seqzoo.operators import Activation, Dims, Features, Norm, Readout, Stream, linear
from seqzoo.spec import PartSpec, slot

__all__ = ["JointReadout"]


class JointReadout(Readout):
    """y = W_o (norm(act(o)) * gate(W_g x)), the norm over the features of all heads together.

    Lightning attention, HGRN2, GSA and LightNet end this way; the core's `linear` and `gated` norm
    each head by itself.
    """

    name = "joint"

    class Spec(PartSpec):
        """What is done to the reads, in this order.

        activation: of the reads. norm: over all heads' features.
        gate: activation of an output gate; null for none.
        rank: features between two thin matrices in place of W_g; null is one matrix.
        """

        activation: PartSpec[Activation] = slot("activation", "identity")
        norm: PartSpec[Norm] = slot("norm", "rms_norm")
        gate: PartSpec[Activation] | None = slot("activation", None)
        rank: PositiveInt | None = None

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        features = dims.heads * dims.value_size
        self.activation: Activation = spec.activation.build()
        self.norm: Norm = spec.norm.build(features)
        self.act_of_gate: Activation | None = spec.gate.build() if spec.gate else None
        if self.act_of_gate is not None:
            self.gate = linear(dims.width, features, rank=spec.rank)
        self.project = nn.Linear(features, dims.width, bias=False)

    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        """reads (B, T, H, V), x (B, T, D) -> y (B, T, D)."""
        y = self.norm(self.activation(reads.flatten(2)))
        if self.act_of_gate is not None:
            y = y * self.act_of_gate(self.gate(features.x))
        return self.project(y)
