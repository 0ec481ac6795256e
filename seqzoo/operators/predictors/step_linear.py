"""A matrix for each refinement step, applied to all of them in one batched product."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["StepLinear"]


class StepLinear(nn.Module):
    """x^(l) -> W^(l) x^(l) + b^(l).

    Args:
        steps: R.
        inputs: features of x.
        outputs: features of the result.
        bias: every element of b before training; None for no b.
    """

    def __init__(self, steps: int, inputs: int, outputs: int, bias: float | None = None) -> None:
        super().__init__()
        bound = inputs**-0.5  # as nn.Linear draws
        self.weight = nn.Parameter(torch.empty(steps, outputs, inputs).uniform_(-bound, bound))
        self.bias = None if bias is None else nn.Parameter(torch.full((steps, outputs), bias))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, R, inputs) -> (B, T, R, outputs)."""
        y = torch.einsum("btri,roi->btro", x, self.weight)
        return y if self.bias is None else y + self.bias
