"""One direction removed or reflected."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from seqzoo.operators import Dims, Hint, unit_norm
from seqzoo.scan.precision import wide
from seqzoo.spec import PartSpec
from seqzoo_psm.actions.dense import MatrixAction

__all__ = ["HouseholderAction"]


class HouseholderAction(MatrixAction):
    """E_t = I - b u u^T, u a unit vector and b in (0, 2) of each head: DeltaNet's, and reflections.

    b = 1 removes the direction, b near 2 reflects it.
    """

    name = "householder"
    hints: ClassVar = {"strength": Hint(decay=False)}

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.shape = dims.heads, dims.key_size
        self.direction = nn.Linear(dims.width, dims.heads * dims.key_size, bias=False)
        self.strength = nn.Linear(dims.width, dims.heads)

    def forward(self, rows: Tensor) -> Tensor:
        """rows (..., D) -> (..., H, K, K)."""
        u = unit_norm(wide(self.direction(rows)).unflatten(-1, self.shape))
        strength = 2 * wide(self.strength(rows)).sigmoid()[..., None, None]
        eye = torch.eye(self.shape[-1], dtype=u.dtype, device=u.device)
        return eye - strength * u.unsqueeze(-1) * u.unsqueeze(-2)
