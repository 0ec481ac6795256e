"""The exact flow of the delta rule: a strength that depends on the key's length."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.operators.gates.sigmoid import SigmoidGate
from seqzoo.operators.place import Place
from seqzoo.operators.stream import Stream

__all__ = ["ExactFlowGate", "exact_flow"]

SMALL = 1e-3


def exact_flow(beta: Tensor, squares: Tensor) -> Tensor:
    """(1 - exp(-beta n)) / n for n = |k|^2 >= 0, whose limit at n = 0 is beta.

    Near 0 it uses the series beta (1 - beta n / 2 + (beta n)^2 / 6), accurate to a relative 1e-10.
    """
    flow = beta * squares
    small = flow < SMALL
    series = beta * (1 - flow / 2 + flow.square() / 6)
    # The branch that is not taken divides by 1: its gradient must stay finite too.
    return torch.where(small, series, -torch.expm1(-flow) / squares.where(~small, 1.0))


class ExactFlowGate(SigmoidGate):
    """(1 - exp(-beta |k|^2)) / |k|^2, beta = sigmoid(W u + b): dS/dt = (v - S k) k^T held for beta.

    The key is not normalised: its length is the step size (EFLA, arXiv 2512.12602).
    """

    name = "exact_flow"
    strength = "any_keys"

    class Spec(SigmoidGate.Spec):
        """Settings of beta."""

    def __init__(self, spec: Spec, place: Place, heads: int) -> None:
        super().__init__(spec, place, heads)
        self.heads = heads

    def forward(self, u: Tensor, stream: Stream, keys: Tensor | None = None) -> Tensor:
        """u (B, T, D), keys (B, T, G, K) -> (B, T, heads)."""
        if keys is None:
            raise ValueError("gate 'exact_flow' needs the keys, on whose lengths it depends")
        squares = keys.square().sum(-1)  # (B, T, G)
        squares = squares.repeat_interleave(self.heads // squares.shape[-1], dim=-1)
        return exact_flow(super().forward(u, stream), squares)
