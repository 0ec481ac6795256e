"""mLSTM's readout: each head is normed by itself, and every feature has a gain of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqzoo.operators import Activation, Dims, Features, Norm, Readout, Stream
from seqzoo.spec import PartSpec, slot

__all__ = ["MultiheadReadout"]


class MultiheadReadout(Readout):
    """y = W_o (w * norm(o) * act(W_g x)), the norm of each head, w of all heads' features.

    The core's `gated` has one gain for all heads.
    """

    name = "multihead"

    class Spec(PartSpec):
        """norm: of each head; its own gain is best left out. activation: of the gate."""

        norm: PartSpec[Norm] = slot(
            "norm", {"type": "layer_norm", "epsilon": 1e-6, "affine": False}
        )
        activation: PartSpec[Activation] = slot("activation", "sigmoid")

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        features = dims.heads * dims.value_size
        self.norm: Norm = spec.norm.build(dims.value_size)
        self.weight = nn.Parameter(torch.ones(features))
        self.gate = nn.Linear(dims.width, features, bias=False)
        self.activation: Activation = spec.activation.build()
        self.project = nn.Linear(features, dims.width, bias=False)

    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        """reads (B, T, H, V), x (B, T, D) -> y (B, T, D)."""
        y = self.norm(reads).flatten(2)
        return self.project(self.weight.to(y.dtype) * y * self.activation(self.gate(features.x)))
