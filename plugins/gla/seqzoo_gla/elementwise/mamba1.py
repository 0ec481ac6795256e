"""Mamba-1's layer, the selective state space S6."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.errors import counted
from seqzoo.operators import Hint, Norm, Place, Stream
from seqzoo.operators.gates.softplus import softplus_bias
from seqzoo.operators.interval import Interval
from seqzoo.scan import ExponentialDecay
from seqzoo.spec import PartSpec, slot
from seqzoo_gla.elementwise.block_diagonal import BlockDiagonal
from seqzoo_gla.elementwise.selective import SelectiveMixer, SelectiveSpec
from seqzoo_gla.elementwise.state_space import StateSpace

__all__ = ["Mamba1"]


class Mamba1(SelectiveMixer):
    """h_t = exp(-Delta_t exp(A)) * h_{t-1} + Delta_t x_t b_t, y_t = c_t h_t (arXiv 2312.00752).

    [r, b, c] = W_x x and Delta = softplus(W_r r + bias), around them the shell of `selective.py`.
    Mamba-1 has one head and no norms. Jamba (arXiv 2403.19887) norms r, b and c; Zamba
    (arXiv 2405.16712) makes them in heads, each of its own channels alone.
    """

    name = "mamba1"
    hints: ClassVar = {"log_rate": Hint(decay=False), "step_size": Hint(decay=False)}

    class Spec(SelectiveSpec):
        """Beside the shell's sizes, what the step and its vectors are made of.

        heads: groups of channels with b, c and Delta of their own.
        norm: of r, b and c.
        step: softplus(bias) is drawn log-uniformly between these, 1e-4 at least.
        """

        heads: PositiveInt = 1
        norm: PartSpec[Norm] = slot("norm", "none")
        step: Interval = (1e-3, 1e-1)

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        heads, states, rank = spec.heads, spec.state_size, self.rank
        size = self.channels // heads
        self.sizes = [rank, states, states]
        self.select = BlockDiagonal(heads, size, sum(self.sizes))
        self.rank_norm: Norm = spec.norm.build(rank)
        self.write_norm: Norm = spec.norm.build(states)
        self.read_norm: Norm = spec.norm.build(states)
        self.step_size = BlockDiagonal(heads, rank, size, bias=True)
        rates = torch.arange(1.0, states + 1).expand(self.channels, states)
        self.log_rate = nn.Parameter(rates.log())
        with torch.no_grad():
            assert self.step_size.bias is not None
            self.step_size.bias.copy_(softplus_bias(self.channels, *spec.step).view(heads, size))
        self.space = StateSpace(spec.scan.build(), ExponentialDecay(), heads, states, size)

    @classmethod
    def misfit(cls, spec: Spec, width: int) -> str:
        """Heads that do not divide the channels."""
        channels = spec.expand * width
        if channels % spec.heads == 0:
            return ""
        return (
            f"mixer 'mamba1': {counted(spec.heads, 'head')} do not divide {channels} channels "
            f"(expand {spec.expand} times width {width}); choose heads that do"
        )

    def read(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, E) -> c_t h_t (B, T, E)."""
        x = x.unflatten(-1, (self.spec.heads, -1))
        r, b, c = self.select(x).split(self.sizes, dim=-1)
        r, b, c = self.rank_norm(r), self.write_norm(b), self.read_norm(c)
        wide = torch.promote_types(x.dtype, torch.float32)
        delta = F.softplus(self.step_size(r).to(wide))
        rates = -self.log_rate.exp().unflatten(0, (self.spec.heads, -1)).mT
        y = self.space(delta, rates[None, None], b, delta * x, c, stream)
        return y.flatten(2)
