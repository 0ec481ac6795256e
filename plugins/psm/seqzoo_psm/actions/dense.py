"""Matrices."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqzoo.operators import Dims
from seqzoo.scan.precision import wide
from seqzoo.spec import PartSpec
from seqzoo_psm.actions.action import Action

__all__ = ["DenseAction", "MatrixAction"]


class MatrixAction(Action):
    """E is a K x K matrix a head: exact for any E, at K^3 a composition."""

    @staticmethod
    def identity(state: Tensor) -> Tensor:
        """(..., H, K, K)."""
        size = state.shape[-2]
        eye = torch.eye(size, dtype=state.dtype, device=state.device)
        return eye.expand(*state.shape[:-2], size, size)

    @staticmethod
    def compose(older: Tensor, newer: Tensor) -> Tensor:
        """E_2 E_1."""
        return newer @ older

    @staticmethod
    def act(factor: Tensor, state: Tensor) -> Tensor:
        """E S."""
        return factor @ state


class DenseAction(MatrixAction):
    """E_t = M / max(1, |M|), M = W x_t + I / sqrt(K) as a matrix, |M| its Frobenius norm.

    So no E_t makes a state longer.
    """

    name = "dense"

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.shape = dims.heads, dims.key_size, dims.key_size
        self.matrix = nn.Linear(dims.width, dims.heads * dims.key_size**2)

    def forward(self, rows: Tensor) -> Tensor:
        """rows (..., D) -> (..., H, K, K)."""
        size = self.shape[-1]
        matrix = wide(self.matrix(rows)).unflatten(-1, self.shape)
        matrix = matrix + torch.eye(size, dtype=matrix.dtype, device=rows.device) * size**-0.5
        return matrix / matrix.square().sum((-2, -1), keepdim=True).sqrt().clamp_min(1.0)
