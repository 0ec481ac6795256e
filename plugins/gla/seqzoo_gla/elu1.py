"""The positive feature map of linear attention (arXiv 2006.16236)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from seqzoo.operators import Activation

__all__ = ["Elu1"]


class Elu1(Activation):
    """elu(x) + 1, positive everywhere."""

    name = "elu1"

    def forward(self, x: Tensor) -> Tensor:
        """x (...) -> (...)."""
        return F.elu(x) + 1
