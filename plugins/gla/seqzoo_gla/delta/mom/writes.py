"""What each memory has besides its state: its own keys, values, strengths and decays."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from seqzoo.operators import Hint

__all__ = ["MemoryWrites", "Written"]


class Written(NamedTuple):
    """What a token would write: to each memory, (B, T, M, ...), or to one, (B, T, ...).

    Attributes:
        keys: (..., H * K). values: (..., H * V).
        strengths: (..., H), before their sigmoid. steps: (..., H), before bias and softplus.
    """

    keys: Tensor
    values: Tensor
    strengths: Tensor
    steps: Tensor

    def picked(self, tokens: Tensor, memories: Tensor) -> Written:
        """Of (B, T, M, ...) the entries tokens (P,), memories (P,), as one row (1, P, ...)."""
        return Written(*(each.flatten(0, 1)[tokens, memories].unsqueeze(0) for each in self))

    def only(self) -> Written:
        """Of (B, T, 1, ...) the one memory's, (B, T, ...)."""
        return Written(*(each.squeeze(2) for each in self))


class MemoryWrites(nn.Module):
    """Four matrices for each of several memories, each Xavier-uniform with the gain.

    Args:
        width: D.
        memories: M.
        sizes: rows of the four matrices: H * K, H * V, H and H.
        gain: of the initial values.
    """

    hints: ClassVar = {"strength": Hint(decay=False), "step": Hint(decay=False)}

    def __init__(
        self, width: int, memories: int, sizes: tuple[int, int, int, int], gain: float
    ) -> None:
        super().__init__()
        self.memories = memories
        self.key, self.value, self.strength, self.step = (
            nn.Linear(width, memories * size, bias=False) for size in sizes
        )
        for layer in (self.key, self.value, self.strength, self.step):
            for matrix in layer.weight.detach().chunk(memories):
                nn.init.xavier_uniform_(matrix, gain)

    def forward(self, x: Tensor) -> Written:
        """x (B, T, D) -> (B, T, M, ...)."""
        layers = (self.key, self.value, self.strength, self.step)
        return Written(*(layer(x).unflatten(-1, (self.memories, -1)) for layer in layers))
