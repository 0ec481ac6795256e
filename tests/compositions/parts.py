"""Published layers taken apart: what each needs beside the core's operators, and its YAML.

Each part is short because the slots see what they must: forgets and readouts the writes and the
inputs, queries the writes, and every operator the stream. The full layers, with their official
projections and initial values, are plugins' work.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import (
    DecayForget,
    Dims,
    Features,
    FirstWrite,
    Forget,
    Injection,
    LinearProjection,
    Place,
    PreviousToken,
    Readout,
    Stream,
    unit_norm,
)
from seqzoo.operators.forgets import HeadDecay
from seqzoo.scan import Erase, Transition, Writes
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


@dataclass(frozen=True, eq=False)
class RwkvWrites(Writes):
    """RWKV-7's write, and what its erase is tied to: removal keys and rates, (B, T, H, K) each."""

    removal: Tensor | None = None
    rates: Tensor | None = None


class RwkvInjection(Injection):
    """RWKV-7: k (1 + (a - 1) k_a) and v from shifted tokens, v mixed with the first layer's."""

    name = "rwkv"

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.shape, width = (dims.heads, dims.key_size), dims.width
        self.previous = PreviousToken()
        self.mix = nn.Parameter(torch.full((3, width), 0.3))
        self.project = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.removal, self.mixed = (nn.Parameter(torch.full((width,), c)) for c in (0.7, 1.02))
        self.residual = nn.Linear(width, width) if dims.place.kin else None

    def forward(self, u: Tensor, stream: Stream) -> Writes:
        shifted = torch.lerp(u, self.previous(u, stream), self.mix[:, None, None])
        k, v, a = (layer(each) for layer, each in zip(self.project, shifted, strict=True))
        a, first = a.sigmoid(), stream.shared("first_values")
        if first is None:
            stream.share("first_values", v)
        elif self.residual is not None:
            v = torch.lerp(v, first, self.residual(u).sigmoid())
        k, removal = k * (1 + (a - 1) * self.mixed), k * self.removal
        k, v, a, removal = (each.unflatten(-1, self.shape) for each in (k, v, a, removal))
        return RwkvWrites(k.unsqueeze(2), v.unsqueeze(2), None, 1, unit_norm(removal), a)


class RwkvForget(Forget):
    """RWKV-7: A = Diag(w) - kk (a * kk)^T, w from a shifted token."""

    name = "rwkv"

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.shape = (dims.heads, dims.key_size)
        self.previous = PreviousToken()
        self.mix = nn.Parameter(torch.full((dims.width,), 0.3))
        self.decay = nn.Linear(dims.width, dims.width)

    def forward(self, features: Features, stream: Stream) -> Transition:
        writes = features.writes
        assert isinstance(writes, RwkvWrites)
        assert writes.removal is not None
        assert writes.rates is not None
        shifted = torch.lerp(features.u, self.previous(features.u, stream), self.mix)
        log_decay = -0.60653 * self.decay(shifted).sigmoid().unflatten(-1, self.shape)
        away = -writes.rates * writes.removal
        return Transition(log_decay, Erase(writes.removal, write=away, before_decay=True))


class BonusReadout(Readout):
    """RWKV-7: y = W_o (norm(o) + (sum r k r_k) v), the token's own write once more."""

    name = "bonus"

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.bonus = nn.Parameter(torch.full((dims.heads, dims.key_size), 0.1))
        self.norm = nn.LayerNorm(dims.value_size, eps=64e-5)
        self.project = nn.Linear(dims.heads * dims.value_size, dims.width, bias=False)

    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        keys, values = features.writes.keys[:, :, 0], features.writes.values[:, :, 0]
        bonus = (features.queries * keys * self.bonus).sum(-1, keepdim=True)
        return self.project((self.norm(reads) + bonus * values).flatten(2))


class CombaForget(HeadDecay):
    """Comba: A = alpha - beta p k^T, p = sigmoid(d) k, read before the decay."""

    name = "comba"

    def __init__(self, spec: HeadDecay.Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.damping = nn.Parameter(torch.ones(dims.heads, 1))

    def forward(self, features: Features, stream: Stream) -> Transition:
        writes = features.writes
        assert writes.strengths is not None
        read = self.damping.sigmoid() * writes.keys[:, :, 0]
        erase = Erase(read, writes.strengths[:, :, 0], along_key=True, before_decay=True)
        return Transition(self.log_decay(features, stream), erase)


class CombaQueries(LinearProjection):
    """Comba: q - D k, made after the writes."""

    name = "comba"

    def __init__(self, spec: LinearProjection.Spec, place: Place, heads: int, size: int) -> None:
        super().__init__(spec, place, heads, size)
        self.correction = nn.Parameter(torch.ones(heads, 1))

    def forward(self, u: Tensor, stream: Stream, writes: Writes | None = None) -> Tensor:
        assert writes is not None
        return super().forward(u, stream) - self.correction * writes.keys[:, :, 0]


class GatedWrite(Injection):
    """Gated DeltaNet-2: (w * v) k^T with one gate a value channel."""

    name = "gated_write"

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.keys, self.values = (dims.heads, dims.key_size), (dims.heads, dims.value_size)
        self.key = nn.Linear(dims.width, dims.heads * dims.key_size, bias=False)
        self.value = nn.Linear(dims.width, dims.heads * dims.value_size, bias=False)
        self.gate = nn.Linear(dims.width, dims.heads * dims.value_size, bias=False)

    def forward(self, u: Tensor, stream: Stream) -> Writes:
        values = self.gate(u).sigmoid() * self.value(u)
        keys = unit_norm(self.key(u).unflatten(-1, self.keys))
        return Writes(keys.unsqueeze(2), values.unflatten(-1, self.values).unsqueeze(2))


class GatedErase(Forget):
    """Gated DeltaNet-2: A = Diag(alpha)(I - (b * k) k^T) with one strength a key channel."""

    name = "gated_erase"

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.shape = (dims.heads, dims.key_size)
        self.erase = nn.Linear(dims.width, dims.heads * dims.key_size, bias=False)
        self.decay = nn.Linear(dims.width, dims.heads * dims.key_size)

    def forward(self, features: Features, stream: Stream) -> Transition:
        keys = features.writes.keys[:, :, 0]
        read = self.erase(features.u).sigmoid().unflatten(-1, self.shape) * keys
        log_decay = F.logsigmoid(self.decay(features.u)).unflatten(-1, self.shape)
        return Transition(log_decay, Erase(read, torch.ones_like(read[..., 0]), along_key=True))


class ProductWrite(Injection):
    """DeltaProduct: n delta rules a token, each a micro-step with a key of its own."""

    name = "product"

    class Spec(PartSpec):
        """steps: n."""

        steps: PositiveInt = 2

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.steps, self.dims = spec.steps, dims
        self.key = nn.Linear(dims.width, spec.steps * dims.heads * dims.key_size, bias=False)
        self.value = nn.Linear(dims.width, spec.steps * dims.heads * dims.value_size, bias=False)
        self.strength = nn.Linear(dims.width, spec.steps * dims.heads, bias=False)

    @classmethod
    def first_write(cls, spec: PartSpec) -> FirstWrite:
        return FirstWrite(unit_key=True, strength="unit_keys")

    def forward(self, u: Tensor, stream: Stream) -> Writes:
        shape = (self.steps, 1, self.dims.heads)
        keys = self.key(u).unflatten(-1, (*shape, -1)).flatten(1, 2)
        values = self.value(u).unflatten(-1, (*shape, -1)).flatten(1, 2)
        strengths = 2 * self.strength(u).sigmoid().unflatten(-1, shape).flatten(1, 2)
        return Writes(unit_norm(keys), values, strengths, self.steps)


PARTS = (
    StepDecay,
    SkipReadout,
    ComplementWrite,
    ComplementDecay,
    RwkvInjection,
    RwkvForget,
    BonusReadout,
    CombaForget,
    CombaQueries,
    GatedWrite,
    GatedErase,
    ProductWrite,
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
    "rwkv7": """
        {type: recurrent, heads: 2, injection: rwkv, forget: rwkv, scale: 1.0, readout: bonus}
    """,
    "comba": """
        {type: recurrent, heads: 2, queries: {type: comba, norm: unit}, forget: comba,
         injection: {type: rank_one, key: {norm: unit}, strength: sigmoid}, readout: gated}
    """,
    "gated_deltanet2": """
        {type: recurrent, heads: 2, queries: {norm: unit}, injection: gated_write,
         forget: gated_erase, readout: gated}
    """,
    "gated_deltaproduct": """
        {type: recurrent, heads: 2, queries: {norm: unit}, injection: {type: product, steps: 3},
         forget: {type: gated_delta, decay: head_decay}, readout: gated}
    """,
    "mlstm_sigmoid": """
        {type: recurrent, heads: 2, injection: {type: rank_one, strength: sigmoid},
         forget: {type: head_decay, initial: 0.95}, readout: {type: gated, norm: layer_norm}}
    """,
}
