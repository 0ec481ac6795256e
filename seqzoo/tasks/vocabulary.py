"""The vocabulary of a synthetic task: disjoint named ranges of token ids."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqzoo.tasks.sampling import distinct

__all__ = ["Range", "in_a_row"]


@dataclass(frozen=True)
class Range:
    """Token ids first ... first + size - 1, all of one kind.

    Attributes:
        name: the kind, in words: query, keys, noise.
        first: the smallest id.
        size: number of ids.
        in_input: whether these ids occur in sequences; answers may occur in labels only.
    """

    name: str
    first: int
    size: int
    in_input: bool = True

    @property
    def stop(self) -> int:
        """One more than the largest id."""
        return self.first + self.size

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Uniform ids of this range, of any shape, int64."""
        return torch.randint(self.first, self.stop, shape, generator=generator)

    def draw_distinct(self, rows: int, count: int, generator: torch.Generator) -> Tensor:
        """Uniform ids of this range, (rows, count) int64, those of a row all different."""
        return self.first + distinct(rows, count, self.size, generator)


def in_a_row(*kinds: tuple[str, int], answers: str = "") -> tuple[Range, ...]:
    """Ranges that follow one another from id 0, from their names and sizes.

    Args:
        kinds: name and size of each.
        answers: the kind that occurs in labels only, if there is one.
    """
    ranges, first = [], 0
    for name, size in kinds:
        ranges.append(Range(name, first, size, in_input=name != answers))
        first += size
    return tuple(ranges)
