"""A matrix, at full rank or as the product of two thin ones."""

from __future__ import annotations

from torch import nn

__all__ = ["linear"]


def linear(inputs: int, outputs: int, *, bias: bool = False, rank: int | None = None) -> nn.Module:
    """W x + b, or W_up W_down x + b with `rank` features between the two.

    Args:
        inputs: features of x.
        outputs: features of the result.
        bias: whether there is b.
        rank: features between the two matrices; None is one matrix.
    """
    if rank is None:
        return nn.Linear(inputs, outputs, bias=bias)
    return nn.Sequential(nn.Linear(inputs, rank, bias=False), nn.Linear(rank, outputs, bias=bias))
