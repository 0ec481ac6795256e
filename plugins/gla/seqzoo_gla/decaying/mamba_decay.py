"""Mamba-2's decay, which Gated DeltaNet shares."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import DecayForget, Dims, Features, Hint, Stream
from seqzoo.operators.gates.softplus import LEAST_STEP, softplus_bias
from seqzoo.operators.interval import Interval
from seqzoo.spec import PartSpec

__all__ = ["MambaDecay"]


class MambaDecay(DecayForget):
    """alpha_t = exp(-exp(A) softplus(W u + b)), one a head (Mamba-2, arXiv 2405.21060)."""

    name = "mamba_decay"
    hints: ClassVar = {"project": Hint(decay=False)}

    class Spec(PartSpec):
        """rate: exp(A) is drawn from U(0, rate). step: softplus(b) is drawn log-uniformly.

        The two draws are those of Mamba-2 and of Gated DeltaNet's published code.
        """

        rate: float = Field(default=16.0, gt=0.0)
        step: Interval = (1e-3, 1e-1)

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.project = nn.Linear(dims.width, dims.heads)
        rate = torch.empty(dims.heads).uniform_(0.0, spec.rate).clamp_min(LEAST_STEP)
        self.log_rate = nn.Parameter(rate.log())
        with torch.no_grad():
            self.project.bias.copy_(softplus_bias(dims.heads, *spec.step))

    def log_decay(self, features: Features, stream: Stream) -> Tensor:
        """-> g (B, T, H)."""
        return self.of(features.u)

    def of(self, u: Tensor) -> Tensor:
        """u (B, T, D) -> g (B, T, H), for operators that decay something of their own."""
        return -self.log_rate.exp() * F.softplus(self.project(u))
