"""PRISM-LM's readout: the normed reads, multiplied by a projection of the anchor, into an MLP."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from seqzoo.operators import Activation, Dims, Features, Norm, Readout, Stream
from seqzoo.spec import PartSpec, slot

__all__ = ["ProductMlpReadout"]


class ProductMlpReadout(Readout):
    """y = W_2 act(W_1 (W_u u * norm(act(W_g x) * o))), every matrix with a bias."""

    name = "product_mlp"

    class Spec(PartSpec):
        """Settings of the readout.

        ratio: features between W_1 and W_2, as a multiple of the width.
        activation: of the gate and of the MLP.
        norm: over the features of all heads.
        """

        ratio: float = Field(default=4.0, gt=0.0)
        activation: PartSpec[Activation] = slot("activation", "silu")
        norm: PartSpec[Norm] = slot("norm", "layer_norm")

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        features, hidden = dims.heads * dims.value_size, max(1, round(spec.ratio * dims.width))
        self.gate = nn.Linear(dims.width, features)
        self.norm: Norm = spec.norm.build(features)
        self.product = nn.Linear(dims.width, features)
        self.up = nn.Linear(features, hidden)
        self.down = nn.Linear(hidden, dims.width)
        self.activation: Activation = spec.activation.build()

    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        """reads (B, T, H, V), x and u (B, T, D) -> y (B, T, D)."""
        read = self.norm(self.activation(self.gate(features.x)) * reads.flatten(2))
        return self.down(self.activation(self.up(self.product(features.u) * read)))
