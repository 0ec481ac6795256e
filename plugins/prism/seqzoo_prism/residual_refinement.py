"""PRISM's injection: L refinement steps of one residual, each a write of rank one.

    v = W_v u                               r^(1) = v - u                  (14)
    delta^(l) = act(p^(l) * r^(l))          r^(l+1) = r^(l) - delta^(l)    (15, 16)
    k^(l) = W_k^(l) u                       beta^(l) = W_beta^(l) u        (12, 11)
    B_t = sum_l beta^(l) delta^(l) k^(l)T                                  (10)

u, the anchor, stands in for the state read S_{t-1} k_t, and p, the predicted gain, for its
derivative; nothing here depends on the state, so the recurrence stays a parallel scan.
Equations are those of arXiv 2602.10796.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from seqzoo.errors import SpecError
from seqzoo.operators import (
    Activation,
    Dims,
    FirstWrite,
    Hint,
    Injection,
    Predictor,
    Stream,
    unit_norm,
)
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec, slot

__all__ = ["ResidualRefinement"]


class ResidualRefinement(Injection):
    """B_t = sum_l beta^(l) delta^(l) k^(l)T, delta^(l) = act(p^(l) * r^(l)) (PRISM, Eqs. 10-16)."""

    name = "residual_refinement"
    hints: ClassVar = {"gates": Hint(decay=False)}

    class Spec(PartSpec):
        """The axes of the paper's ablations (Table 3).

        depth: L, refinement steps, the rank of what a token writes.
        gain: predictor of p^(l), which makes those of all steps at once.
        activation: of a step.
        gate: beta^(l) as W_beta u for every step (linear), or through a sigmoid; that of the
            first step goes through a sigmoid in both, since a forget may erase with it.
        """

        depth: int = Field(default=2, ge=1, le=16)
        gain: PartSpec = slot("predictor", "linear")
        activation: PartSpec = slot("activation", "gelu")
        gate: Literal["linear", "sigmoid"] = "linear"

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        if dims.heads * dims.value_size != dims.width:
            raise SpecError(
                "injection 'residual_refinement' subtracts the anchor from the value, so "
                f"heads * value_size ({dims.heads} * {dims.value_size}) must be the width "
                f"{dims.width}; leave value_size out"
            )
        self.dims, self.depth = dims, spec.depth
        self.value = nn.Linear(dims.width, dims.width, bias=False)
        self.keys = nn.Linear(dims.width, spec.depth * dims.key_heads * dims.key_size, bias=False)
        self.gain: Predictor = spec.gain.build(dims, spec.depth)
        self.gates = nn.Linear(dims.width, spec.depth * dims.heads, bias=False)
        self.squashed = spec.depth if spec.gate == "sigmoid" else 1
        self.activation: Activation = spec.activation.build()

    @classmethod
    def first_write(cls, spec: PartSpec) -> FirstWrite:
        """All keys have norm <= 1, and beta^(1) is a sigmoid."""
        return FirstWrite(unit_key=True, strength="unit_keys")

    def forward(self, u: Tensor, stream: Stream) -> Writes:
        """u (B, T, D) -> writes of rank R = L."""
        dims = self.dims
        keys = unit_norm(self.keys(u).unflatten(-1, (self.depth, dims.key_heads, dims.key_size)))
        residual = (self.value(u) - u).unflatten(-1, (dims.heads, dims.value_size))
        gains = self.gain(u, stream).expand(*u.shape[:2], self.depth, -1, -1)
        steps = []
        for gain in gains.unbind(2):
            delta = self.activation(gain * residual)
            residual = residual - delta
            steps.append(delta)
        return Writes(keys, torch.stack(steps, dim=2), self._strengths(u))

    def _strengths(self, u: Tensor) -> Tensor:
        """beta (B, T, L, H)."""
        gates = self.gates(u).unflatten(-1, (self.depth, self.dims.heads))
        if self.squashed == self.depth:
            return gates.sigmoid()
        return torch.cat([gates[:, :, :1].sigmoid(), gates[:, :, 1:]], dim=2)
