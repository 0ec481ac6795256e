"""Preconditioned delta rules: keys scaled by how often each of their channels was written."""

from __future__ import annotations

import math
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from seqzoo.operators import Dims, FirstWrite, Gate, Projection, Stream
from seqzoo.operators.gates import SigmoidGate
from seqzoo.scan import elementwise_scan
from seqzoo.spec import PartSpec, slot
from seqzoo_gla.decaying.mamba_decay import MambaDecay
from seqzoo_gla.delta.paired_delta import PairedInjection, PairedWrites

__all__ = ["PreconditionedWrite"]

EPSILON = 1e-6


class PreconditionedWrite(PairedInjection):
    """B_t = beta_t v_t kappa_t^T, kappa = M_t * k, after an erase that reads k (arXiv 2604.21100).

        a_t = exp(g') a_{t-1} + beta' k_t^2        l = log(a_t + 1e-6) - c
        M_t = limit^(-l / (1 + |l|))

    A channel that was written often gets smaller steps; M is in [1/limit, limit]. g' and beta' have
    their own gates, one per key head, and c is one number per key head, starting at -0.2. a is
    carried.
    """

    name = "preconditioned_write"

    class Spec(PartSpec):
        """How writes are made.

        key, value: projections. strength: a gate.
        limit: the most a channel is scaled by; at 2, with strengths up to 1, eigenvalues reach -1.
        """

        key: PartSpec[Projection] = slot("projection", "linear", default_type="linear")
        value: PartSpec[Projection] = slot("projection", "linear", default_type="linear")
        strength: PartSpec[Gate] = slot("gate", "sigmoid")
        limit: float = Field(default=1.5, ge=1.0, le=2.0)

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        place, heads = dims.place, dims.key_heads
        self.key: Projection = spec.key.build(place, heads, dims.key_size)
        self.value: Projection = spec.value.build(place, dims.heads, dims.value_size)
        self.strength: Gate = spec.strength.build(place, dims.heads)
        self.log_limit = math.log(spec.limit)
        own = Dims(place, heads, dims.key_size, dims.value_size)
        self.decay = MambaDecay(MambaDecay.Spec(), own)
        self.rate = SigmoidGate(SigmoidGate.Spec(), place, heads)
        self.centre = nn.Parameter(torch.full((heads,), -0.2))

    @classmethod
    def first_write(cls, spec: Any) -> FirstWrite:
        """kappa is not of norm 1; the strength is its gate's."""
        return FirstWrite(False, spec.strength.part.strength)

    @classmethod
    def most(cls, spec: Any) -> float:
        """The limit, for a key of length 1."""
        return spec.limit if spec.key.part.is_unit(spec.key) else math.inf

    def forward(self, u: Tensor, stream: Stream) -> PairedWrites:
        """u (B, T, D) -> writes of rank R = 1 along kappa, and k to read with."""
        keys = self.key(u, stream)
        strengths = self.strength(u, stream, keys)
        return PairedWrites(
            (self.scales(keys, u, stream) * keys).unsqueeze(2),
            self.value(u, stream).unsqueeze(2),
            None if strengths is None else strengths.unsqueeze(2),
            read=keys,
        )

    def scales(self, keys: Tensor, u: Tensor, stream: Stream) -> Tensor:
        """M, (B, T, G, K): keys (B, T, G, K), u (B, T, D)."""
        past = stream.past(self, "curvature", lambda: None)
        decay, rate = self.decay.of(u).unsqueeze(-1), self.rate(u, stream).unsqueeze(-1)
        curvature, after = elementwise_scan(
            decay, rate * keys.square(), past, cu_seqlens=stream.cu_seqlens
        )
        stream.keep(self, "curvature", after)
        level = (curvature + EPSILON).log() - self.centre.unsqueeze(-1)
        return torch.exp(-self.log_limit * level / (1 + level.abs()))
