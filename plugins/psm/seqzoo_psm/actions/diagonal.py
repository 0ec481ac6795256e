"""One decay per key feature."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import Dims, Hint
from seqzoo.scan.precision import wide
from seqzoo.spec import PartSpec
from seqzoo_psm.actions.scalar import DecayAction

__all__ = ["DiagonalAction"]


class DiagonalAction(DecayAction):
    """E_t = Diag(sigmoid(W x_t + b)): GLA, HGRN2, RWKV-6, S6."""

    name = "diagonal"
    hints: ClassVar = {"decay": Hint(decay=False)}

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.shape = dims.heads, dims.key_size
        self.decay = nn.Linear(dims.width, dims.heads * dims.key_size)
        nn.init.constant_(self.decay.bias, 3.0)

    def forward(self, rows: Tensor) -> Tensor:
        """rows (..., D) -> log decays (..., H, K)."""
        return F.logsigmoid(wide(self.decay(rows))).unflatten(-1, self.shape)
