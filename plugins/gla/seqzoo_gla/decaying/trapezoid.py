"""Mamba-3's writes: a trapezoid between two tokens, on keys rotated by data-dependent angles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.errors import SpecError
from seqzoo.operators import Dims, Hint, PreviousToken, Stream
from seqzoo.operators.gates.softplus import softplus_bias
from seqzoo.operators.interval import Interval
from seqzoo.scan import elementwise_scan
from seqzoo.spec import PartSpec
from seqzoo_gla.decaying.tied import DecayingInjection, DecayingWrites
from seqzoo_gla.decaying.turned_keys import TurnedKeys

__all__ = ["TrapezoidInjection", "TrapezoidWrites"]


@dataclass(frozen=True, eq=False)
class TrapezoidWrites(DecayingWrites):
    """Writes, their decay, and the angles (B, T, H, A) by which the token's keys are turned."""

    angles: Tensor | None = None


class TrapezoidInjection(DecayingInjection):
    """lam Delta x_t k_t^T + (1 - lam) Delta alpha x_{t-1} k_{t-1}^T, decay alpha = exp(A Delta).

    With rank M it does so for M keys k^m and values a^m * x (Mamba-3's MIMO).

    Delta = softplus(W u + b), A = min(-f(W u), -1e-4) with f(a) = 1 + a from 0 on and 1 / (1 - a)
    below, lam = sigmoid(W u); lam = 1 is Mamba-2's write. Keys are RMSNorm(W u) with a bias for
    each head, turned by theta_t = theta_{t-1} + pi tanh(W u) Delta (Mamba-3, arXiv 2603.15569).
    The queries are `turned`, the forget is `tied`; write rank 2, in M micro-steps.
    """

    name = "trapezoid"
    hints: ClassVar = dict.fromkeys(("step", "step_bias", "rate", "mix"), Hint(decay=False))

    class Spec(PartSpec):
        """How writes are made.

        groups: of heads that share a key before its bias and its turn.
        rank: M, keys, values and queries a token; more than one with readout: joint_reads.
        fraction: share of a key's features that are turned, the first ones, in pairs 2i, 2i + 1.
        step: softplus(b) is drawn log-uniformly between the two.
        """

        groups: PositiveInt = 1
        rank: PositiveInt = 1
        fraction: float = Field(default=0.5, gt=0.0, le=1.0)
        step: Interval = (1e-3, 1e-1)

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        width, heads = dims.width, dims.heads
        if dims.key_heads != heads:
            raise SpecError(
                f"injection '{self.name}' turns a key for each head: leave key_heads out, and say "
                "with groups how many share a key before its turn"
            )
        if dims.key_size < 2:
            raise SpecError(
                f"injection '{self.name}' turns pairs of features: give key_size 2 or more"
            )
        self.rank, self.shape = spec.rank, (heads, dims.value_size)
        self.keys = TurnedKeys(dims.place, spec.groups, heads, dims.key_size, spec.rank)
        self.value = nn.Linear(width, heads * dims.value_size, bias=False)
        self.step, self.rate, self.mix = (nn.Linear(width, heads, bias=False) for _ in range(3))
        self.angle = nn.Linear(width, max(1, int(spec.fraction * dims.key_size) // 2), bias=False)
        self.step_bias = nn.Parameter(softplus_bias(heads, *spec.step))
        copies = torch.full((heads, spec.rank, dims.value_size), 1 / spec.rank)
        self.copies = nn.Parameter(copies) if spec.rank > 1 else None
        self.previous = PreviousToken()

    @classmethod
    def reads(cls, spec: Any) -> int:
        """M."""
        return spec.rank

    @classmethod
    def micro_steps(cls, spec: Any) -> int:
        """M."""
        return spec.rank

    def forward(self, u: Tensor, stream: Stream) -> TrapezoidWrites:
        """u (B, T, D) -> writes of rank R = 2, in M micro-steps."""
        delta = F.softplus(self.step(u) + self.step_bias)
        log_decay = -_heavy_tail(self.rate(u)).clamp(min=1e-4) * delta
        lam = self.mix(u).sigmoid()
        angles = self._angles(math.pi * self.angle(u).tanh(), delta, stream)
        keys = self.keys(u, angles).transpose(2, 3).flatten(3)  # (B, T, H, M K)
        values = self.value(u).unflatten(-1, self.shape)
        both = torch.cat([keys, values], dim=-1)
        before = self.previous(both.flatten(2), stream).view_as(both)
        both = torch.stack([both, before], dim=2)  # (B, T, 2, H, M K + V)
        keys, values = both.split([keys.shape[-1], values.shape[-1]], dim=-1)
        keys = keys.unflatten(-1, (self.rank, -1))
        values = values.unsqueeze(-2)
        if self.copies is not None:
            values = values * self.copies.to(values.dtype)
        strengths = torch.stack([lam * delta, (1 - lam) * delta * log_decay.exp()], dim=2)
        return TrapezoidWrites(
            _in_steps(keys),
            _in_steps(values),
            strengths.repeat_interleave(self.rank, dim=1),
            self.rank,
            log_decay=log_decay,
            angles=angles,
        )

    def _angles(self, turn: Tensor, delta: Tensor, stream: Stream) -> Tensor:
        """theta_t, the sum of turn (B, T, A) times Delta (B, T, H): (B, T, H, A)."""
        steps = turn.unsqueeze(-2) * delta.unsqueeze(-1)
        steps = steps.to(torch.promote_types(steps.dtype, torch.float32))
        before = stream.past(self, "angles", lambda: None)
        still = torch.zeros_like(steps[:1, :1, :1, :1])
        angles, last = elementwise_scan(still, steps, before, stream.cu_seqlens)
        stream.keep(self, "angles", last.remainder(2 * math.pi))
        return angles


def _in_steps(x: Tensor) -> Tensor:
    """x (B, T, 2, H, M, ...) -> (B, T M, 2, H, ...)."""
    return x.movedim(4, 2).flatten(1, 2)


def _heavy_tail(a: Tensor) -> Tensor:
    """1 + a for a >= 0, 1 / (1 - a) below: positive, and its slope never vanishes fast."""
    return torch.where(a >= 0, 1 + a, 1 / (1 - a.clamp(max=0)))
