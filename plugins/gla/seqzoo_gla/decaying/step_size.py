"""Mamba-2's decay: its step size is the strength with which a token is written."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqzoo.operators import DecayForget, Dims, Features, Stream
from seqzoo.operators.interval import Interval
from seqzoo.spec import PartSpec

__all__ = ["StepSizeDecay"]


class StepSizeDecay(DecayForget):
    """alpha_t = exp(-exp(A) Delta_t), Delta_t the write's strength (Mamba-2, arXiv 2405.21060).

    The state is a linear system with its input held for the time Delta, so a token that writes
    strongly also forgets strongly. With `mamba_decay` the two have separate gates.
    """

    name = "step_size"

    class Spec(PartSpec):
        """rates: exp(A) is drawn uniformly between the two, one a head."""

        rates: Interval = (1.0, 16.0)

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.log_rate = nn.Parameter(torch.empty(dims.heads).uniform_(*spec.rates).log())

    @classmethod
    def misfit(cls, spec: Any, injection: Any) -> str:
        """The writes must have strengths."""
        if injection.part.first_write(injection).strength != "none":
            return ""
        return (
            f"'{cls.name}' decays by the strength of the first write, and '{injection.part.name}' "
            "has none here; give the injection strength: softplus, or use forget: mamba_decay"
        )

    def log_decay(self, features: Features, stream: Stream) -> Tensor:
        """-> g (B, T, H)."""
        writes, strengths = features.writes, features.writes.strengths
        if strengths is None:
            raise ValueError("the decay's step is tied to writes that have no strengths")
        return -self.log_rate.exp() * strengths[:, :: writes.steps, 0]
