"""A block-diagonal matrix: each group of features is mapped by itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["BlockDiagonal"]


class BlockDiagonal(nn.Module):
    """y_h = W_h x_h + b_h for each block h of features.

    Args:
        blocks: H.
        inputs, outputs: features of a block.
        bias: whether there is b.
    """

    def __init__(self, blocks: int, inputs: int, outputs: int, *, bias: bool = False) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(blocks, outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(blocks, outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, H, inputs) -> (B, T, H, outputs)."""
        y = torch.einsum("bthi,hoi->btho", x, self.weight)
        return y if self.bias is None else y + self.bias
