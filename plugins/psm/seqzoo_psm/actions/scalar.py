"""One decay per head."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import Dims, Hint
from seqzoo.scan.precision import wide
from seqzoo.spec import PartSpec
from seqzoo_psm.actions.action import Action

__all__ = ["DecayAction", "ScalarAction"]


class DecayAction(Action):
    """E is diagonal, kept as log decays (..., H, K or 1): they add up, and act by their exp."""

    @staticmethod
    def identity(state: Tensor) -> Tensor:
        """(..., H, 1), zeros."""
        return torch.zeros_like(state[..., 0])

    @staticmethod
    def compose(older: Tensor, newer: Tensor) -> Tensor:
        """The sum."""
        return older + newer

    @staticmethod
    def act(factor: Tensor, state: Tensor) -> Tensor:
        """exp(factor) S."""
        return factor.exp().unsqueeze(-1) * state


class ScalarAction(DecayAction):
    """E_t = a_t, a_t = sigmoid(w x_t + b) of each head: RetNet, Mamba-2, gated RFA, mLSTM."""

    name = "scalar"
    hints: ClassVar = {"decay": Hint(decay=False)}

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.decay = nn.Linear(dims.width, dims.heads)
        nn.init.constant_(self.decay.bias, 3.0)

    @staticmethod
    def identity(state: Tensor) -> Tensor:
        """(..., H, 1), zeros."""
        return torch.zeros_like(state[..., :1, 0])

    def forward(self, rows: Tensor) -> Tensor:
        """rows (..., D) -> log decays (..., H, 1)."""
        return F.logsigmoid(wide(self.decay(rows))).unsqueeze(-1)
