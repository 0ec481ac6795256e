"""Published layers taken apart: what each needs beside the core's operators, and its YAML.

Each part is short because the slots see what they must: forgets and readouts the writes and the
inputs, queries the writes, and every operator the stream. The full layers, with their official
projections and initial values, are plugins' work.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import (
    DecayForget,
    Dims,
    Features,
    Injection,
    Readout,
    Stream,
)
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec

__all__ = ["COMPOSITIONS", "PARTS"]


class StepDecay(DecayForget):
    """Mamba-2: alpha = exp(-exp(A) Delta), with the Delta that scales the write."""

    name = "step_decay"

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.log_rate = nn.Parameter(torch.linspace(0.0, 2.0, dims.heads))

    def log_decay(self, features: Features, stream: Stream) -> Tensor:
        assert features.writes.strengths is not None
        return -self.log_rate.exp() * features.writes.strengths[:, :, 0]


class SkipReadout(Readout):
    """Mamba-2: y = W_o norm((o + D v) * SiLU(W_z x)), with the values that were written."""

    name = "skip"

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        features = dims.heads * dims.value_size
        self.skip = nn.Parameter(torch.ones(dims.heads, 1))
        self.gate = nn.Linear(dims.width, features, bias=False)
        self.norm = nn.RMSNorm(features, eps=1e-5)
        self.project = nn.Linear(features, dims.width, bias=False)

    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        y = (reads + self.skip * features.writes.values[:, :, 0]).flatten(2)
        return self.project(self.norm(y * F.silu(self.gate(features.x))))


class ComplementWrite(Injection):
    """HGRN2: k = 1 - f, f = b + (1 - b) sigmoid(W_f u), with b of all layers in one parameter."""

    name = "complement"

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        place, features = dims.place, dims.heads * dims.key_size
        self.place, self.dims = place, dims
        self.gate = nn.Linear(dims.width, features, bias=False)
        self.value = nn.Linear(dims.width, dims.heads * dims.value_size, bias=False)
        self.bounds = nn.Parameter(torch.zeros(place.kins, features)) if place.kin == 0 else None

    def forward(self, u: Tensor, stream: Stream) -> Writes:
        if self.bounds is not None:  # the first layer makes the bounds of all
            shares = self.bounds.softmax(0)
            stream.share("lower_bounds", shares.cumsum(0) - shares[:1])
        bounds = stream.shared("lower_bounds")
        bound = torch.zeros((), dtype=u.dtype) if bounds is None else bounds[self.place.kin]
        keys = (1 - bound) * torch.sigmoid(-self.gate(u))
        heads, dims = self.dims.heads, self.dims
        keys = keys.unflatten(-1, (heads, dims.key_size)).unsqueeze(2)
        return Writes(keys, self.value(u).unflatten(-1, (heads, dims.value_size)).unsqueeze(2))


class ComplementDecay(DecayForget):
    """HGRN2: alpha = f = 1 - k."""

    name = "complement"

    def log_decay(self, features: Features, stream: Stream) -> Tensor:
        return torch.log1p(-features.writes.keys[:, :, 0])


PARTS = (
    StepDecay,
    SkipReadout,
    ComplementWrite,
    ComplementDecay,
)

CONVOLVED = "{kernel_size: 4, conv_bias: true, activation: silu}"

COMPOSITIONS = {
    "mamba2": f"""
        type: recurrent
        heads: 4
        key_heads: 1
        key_size: 8
        value_size: 16
        queries: {CONVOLVED}
        injection: {{type: rank_one, key: {CONVOLVED}, value: {CONVOLVED}, strength: softplus}}
        scale: 1.0
        forget: step_decay
        readout: skip
    """,
    "hgrn2": """
        {type: recurrent, queries: {activation: silu}, injection: complement, forget: complement,
         readout: {type: linear, norm: rms_norm}}
    """,
    "mlstm_sigmoid": """
        {type: recurrent, heads: 2, injection: {type: rank_one, strength: sigmoid},
         forget: {type: head_decay, initial: 0.95}, readout: {type: gated, norm: layer_norm}}
    """,
}
