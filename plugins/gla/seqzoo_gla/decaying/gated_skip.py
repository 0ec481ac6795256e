"""The readout of state-space models: a skip of the input, and the gate before the norm."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import Activation, Dims, Features, Readout, Stream
from seqzoo.spec import PartSpec, slot

__all__ = ["GatedSkipReadout"]


class GatedSkipReadout(Readout):
    """y = W_o RMSNorm((o + D v) * act(W_z x)), v the first write's values (arXiv 2405.21060).

    D is one number a head, from 1. The mean square is taken over all heads of a group together.
    """

    name = "gated_skip"

    class Spec(PartSpec):
        """How reads are combined and normed.

        activation: of the gate.
        epsilon: added to the mean square.
        norm_groups: groups of heads that are normed separately; null is one per key head.
        normed: whether there is the norm.
        bias: whether W_z and W_o have one.
        """

        activation: PartSpec[Activation] = slot("activation", "silu")
        epsilon: float = Field(default=1e-5, gt=0.0)
        norm_groups: PositiveInt | None = None
        normed: bool = True
        bias: bool = False

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        features = dims.heads * dims.value_size
        self.groups, self.epsilon = spec.norm_groups or dims.key_heads, spec.epsilon
        if dims.heads % self.groups:
            raise ValueError(
                f"readout '{self.name}': {dims.heads} heads do not split into {self.groups} "
                "norm_groups of equal size"
            )
        self.skip = nn.Parameter(torch.ones(dims.heads))
        self.gate = nn.Linear(dims.width, features, bias=spec.bias)
        self.activation: Activation = spec.activation.build()
        self.weight = nn.Parameter(torch.ones(features)) if spec.normed else None
        self.project = nn.Linear(features, dims.width, bias=spec.bias)

    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        """reads (B, T, H, V), x (B, T, D) -> y (B, T, D)."""
        steps = features.writes.steps
        values = features.writes.values[:, steps - 1 :: steps, 0]
        y = torch.addcmul(reads, self.skip.unsqueeze(-1).to(reads.dtype), values)
        gated = y.flatten(2) * self.activation(self.gate(features.x))
        if self.weight is None:
            return self.project(gated)
        groups = gated.unflatten(-1, (self.groups, -1))
        normed = F.rms_norm(groups, groups.shape[-1:], eps=self.epsilon).flatten(2)
        return self.project(normed * self.weight.to(normed.dtype))
