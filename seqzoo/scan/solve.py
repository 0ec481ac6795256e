"""The unit triangular solve of a chunk's erases."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def solve_unit_lower(strict_upper: Tensor, right: Tensor) -> Tensor:
    """Solves (I + strict_upper^T) X = right by substitution, which is backward stable.

    Args:
        strict_upper: (M, C, C), zero on and below the diagonal. Its gradient is left unmasked
            there: whoever masked the matrix masks the gradient too.
        right: (M, C, D).

    Returns:
        X (M, C, D).
    """
    return _SolveUnitLower.apply(strict_upper, right)  # type: ignore[return-value]


class _SolveUnitLower(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, strict_upper: Tensor, right: Tensor) -> Tensor:
        solved = torch.linalg.solve_triangular(
            strict_upper.mT, right, upper=False, unitriangular=True
        )
        ctx.save_for_backward(strict_upper, solved)
        return solved

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        strict_upper, solved = ctx.saved_tensors
        right = torch.linalg.solve_triangular(
            strict_upper, gradients[0], upper=True, unitriangular=True
        )
        return torch.bmm(solved, -right.mT), right
