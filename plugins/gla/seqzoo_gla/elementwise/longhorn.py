"""Longhorn: a state space that solves an online regression, one token at a time."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from seqzoo.operators import Hint, Place, Stream
from seqzoo.scan import SelectiveDecay
from seqzoo_gla.elementwise.selective import SelectiveMixer, SelectiveSpec
from seqzoo_gla.elementwise.state_space import StateSpace

__all__ = ["Longhorn"]


class Longhorn(SelectiveMixer):
    """h_t = (1 - Delta_t k_t^2) * h_{t-1} + Delta_t k_t x_t, y_t = q_t h_t (arXiv 2407.14207).

    [r, k, q] = W_x x, s = sigmoid(W_r r + bias) and Delta = s / (1 + s |k|^2). This is the minimum
    of |h - h_{t-1}|^2 + s (k h - x)^2 with the matrix I - Delta k k^T replaced by its diagonal, as
    in the released code. The shell is Mamba-1's.
    """

    name = "longhorn"
    hints: ClassVar = {"step_size": Hint(decay=False)}

    class Spec(SelectiveSpec):
        """The shell's sizes; the step has torch's own initial values."""

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        self.sizes = [self.rank, spec.state_size, spec.state_size]
        self.select = nn.Linear(self.channels, sum(self.sizes), bias=False)
        self.step_size = nn.Linear(self.rank, self.channels)
        scan, states = spec.scan.build(), spec.state_size
        self.space = StateSpace(scan, DiagonalDelta(), 1, states, self.channels)

    def read(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, E) -> q_t h_t (B, T, E)."""
        r, k, q = self.select(x).split(self.sizes, dim=-1)
        wide = torch.promote_types(x.dtype, torch.float32)
        strength = self.step_size(r).to(wide).sigmoid()
        squares = k.to(wide).square()
        values = _steps(strength, squares.sum(-1, keepdim=True)) * x
        s, k, values, q = (each.unsqueeze(2) for each in (strength, k, values, q))
        return self.space(s, squares[:, :, None, :, None], k, values, q, stream).squeeze(2)


class DiagonalDelta(SelectiveDecay):
    """1 - Delta k^2, Delta = s / (1 + s |k|^2): s the steps and k^2 the rates."""

    def log_decay(self, steps: Tensor, rates: Tensor) -> Tensor:
        """log((1 + s (|k|^2 - k^2)) / (1 + s |k|^2)): no difference from 1, however large k is."""
        length = rates.sum(-2, keepdim=True)
        return torch.log1p(steps * (length - rates)) - torch.log1p(steps * length)

    def decay(self, steps: Tensor, rates: Tensor) -> Tensor:
        """1 - Delta k^2."""
        return (_steps(steps, rates.sum(-2, keepdim=True)) * -rates).add_(1.0)

    def gradients(
        self, of_decay: Tensor, decay: Tensor, steps: Tensor, rates: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Of s and of k^2: dDelta/ds = 1 / (1 + s |k|^2)^2, and dDelta/d|k|^2 = -Delta^2."""
        delta = _steps(steps, length := rates.sum(-2, keepdim=True))
        of_delta = -(rates.mT @ of_decay)
        of_rates = -(of_decay @ delta.mT) - (of_delta * delta.square()).sum(-1, keepdim=True)
        return of_delta * (1 + steps * length).reciprocal().square(), of_rates


def _steps(strength: Tensor, length: Tensor) -> Tensor:
    """Delta = s / (1 + s |k|^2)."""
    return strength / (1 + strength * length)
