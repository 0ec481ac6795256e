"""The thin matrices behind each of RWKV-7's gates."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from seqzoo.operators import Hint

__all__ = ["LowRank", "rank_for"]

LEAST = 32


def rank_for(width: int, factor: float) -> int:
    """factor * sqrt(D), rounded to a multiple of 32 and 32 at least."""
    return max(LEAST, LEAST * round(factor * width**0.5 / LEAST))


class LowRank(nn.Module):
    """W2 act(W1 x), W1 from 0 and W2 orthogonal with gain 0.1, so that a gate starts at its base.

    Args:
        inputs, outputs: features of x, and of the result.
        rank: features between.
        activation: between; None for none.
    """

    hints: ClassVar = {"down": Hint(decay=False), "up": Hint(decay=False)}

    def __init__(
        self, inputs: int, outputs: int, rank: int, activation: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.down = nn.Linear(inputs, rank, bias=False)
        self.activation = activation or nn.Identity()
        self.up = nn.Linear(rank, outputs, bias=False)
        nn.init.zeros_(self.down.weight)
        nn.init.orthogonal_(self.up.weight, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        """x (..., inputs) -> (..., outputs)."""
        return self.up(self.activation(self.down(x)))
