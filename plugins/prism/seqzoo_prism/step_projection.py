"""Keys or gains of all refinement steps, in as many products as one step takes."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["Rank", "StepProjection"]

Rank = int | Literal["quarter"] | None
"""Features between two thin matrices; a quarter of the width; None is one matrix."""


class StepProjection(nn.Module):
    """u -> W^(l) u + b^(l), or W_up^(l) (W_down^(l) u + b^(l)), for all steps l at once.

    Args:
        width: D, features of u.
        steps: R.
        outputs: features a step.
        rank: see `Rank`.
        bias: whether there is b.
    """

    def __init__(
        self, width: int, steps: int, outputs: int, rank: Rank = None, *, bias: bool = False
    ) -> None:
        super().__init__()
        if rank == "quarter":
            rank = max(1, width // 4)
        self.steps = steps
        self.down = nn.Linear(width, steps * (rank or outputs), bias=bias)
        self.up = None
        if rank is not None:
            bound = rank**-0.5  # as nn.Linear draws
            up = torch.empty(steps, outputs, rank).uniform_(-bound, bound)
            self.up = nn.Parameter(up)

    def forward(self, u: Tensor) -> Tensor:
        """u (B, T, D) -> (B, T, R, outputs)."""
        x = self.down(u).unflatten(-1, (self.steps, -1))
        if self.up is None:
            return x
        return torch.einsum("btri,roi->btro", x, self.up.to(x.dtype))
