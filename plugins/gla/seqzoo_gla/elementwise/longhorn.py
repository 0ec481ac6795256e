"""Longhorn: a state space that solves an online regression, one token at a time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqzoo.operators import Place, Stream
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

    class Spec(SelectiveSpec):
        """The shell's sizes; the step has torch's own initial values."""

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        self.sizes = [self.rank, spec.state_size, spec.state_size]
        self.select = nn.Linear(self.channels, sum(self.sizes), bias=False)
        self.step_size = nn.Linear(self.rank, self.channels)
        self.space = StateSpace(spec.scan.build(), self.channels, spec.state_size)

    def read(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, E) -> q_t h_t (B, T, E)."""
        r, k, q = self.select(x).split(self.sizes, dim=-1)
        wide = torch.promote_types(x.dtype, torch.float32)
        strength = self.step_size(r).to(wide).sigmoid()
        k = k.to(wide)
        squares = k.square().unsqueeze(-2)
        length = squares.sum(-1, keepdim=True)

        def terms(s: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
            # 1 - Delta k^2 = (1 + s (|k|^2 - k^2)) / (1 + s |k|^2): above 0, however large k is
            s, total = s.unsqueeze(-1), torch.log1p(s.unsqueeze(-1) * length)
            log_decay = torch.log1p(s * (length - squares)) - total
            return log_decay, s * torch.exp(-total) * x.unsqueeze(-1) * k.unsqueeze(-2)

        return self.space(terms, (strength, x), q, stream)
