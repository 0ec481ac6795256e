"""Copying: a few tokens, a long blank, and the same tokens again after a mark.

Token ids, three disjoint ranges:

    0               blank
    1               mark: "now copy"
    2 ... V-1       payload

The labels stand at the blanks after the mark. An example with `length: 11, count: 3`:

    tokens    9 4 9   0 0 0 0   1   0 0 0
    labels    . . .   . . . .   .   9 4 9
"""

from __future__ import annotations

import torch
from pydantic import PositiveInt, ValidationInfo, field_validator
from torch import Tensor

from seqzoo.errors import counted
from seqzoo.tasks.synthetic import SyntheticSpec, SyntheticTask, or_fewer
from seqzoo.tasks.task import IGNORED, Batch, Metric
from seqzoo.tasks.vocabulary import Range, in_a_row

__all__ = ["Copying"]

SMALLEST_VOCABULARY = 4  # blank, mark, and two tokens to tell apart


class Copying(SyntheticTask):
    """The first tokens of a sequence, to be repeated in order after a long blank."""

    name = "copying"

    class Spec(SyntheticSpec):
        """Settings of a copying task.

        Attributes:
            count: n, tokens to copy.
        """

        count: PositiveInt = 16

        @field_validator("vocab_size")
        @classmethod
        def _vocabulary_holds_all(cls, vocab_size: int) -> int:
            if vocab_size < SMALLEST_VOCABULARY:
                raise ValueError(
                    f"copying needs a vocabulary of at least {SMALLEST_VOCABULARY}: the blank, the "
                    f"mark and two tokens to copy; got {vocab_size}"
                )
            return vocab_size

        @field_validator("count")
        @classmethod
        def _copies_fit(cls, count: int, info: ValidationInfo) -> int:
            length = info.data.get("length")
            if length is not None and 2 * count + 1 > length:
                raise ValueError(
                    f"{counted(count, 'token')}, the mark and their copies need length >= "
                    f"{2 * count + 1}, got {length}; use a longer sequence"
                    f"{or_fewer('count', (length - 1) // 2)}"
                )
            return count

    spec: Spec

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.metric = Metric("accuracy", higher_is_better=True, chance=1 / (spec.vocab_size - 2))

    def vocabulary(self) -> tuple[Range, ...]:
        """Blank, mark, payload."""
        return in_a_row(("blank", 1), ("mark", 1), ("payload", self.vocab_size - 2))

    def places(self, size: int, before: int, generator: torch.Generator) -> Tensor:
        """Where the tokens stand: (B, n) of the `before` positions ahead of the mark, ascending."""
        return torch.arange(self.spec.count).expand(size, -1)

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Blank sequences with the tokens, the mark, and labels at the blanks after it."""
        count, before = self.spec.count, self.length - self.spec.count - 1
        _, mark, payload = self.vocabulary()
        copied = payload.draw((size, count), generator)
        tokens = torch.zeros(size, self.length, dtype=torch.int64)
        tokens.scatter_(1, self.places(size, before, generator), copied)
        tokens[:, before] = mark.first
        labels = torch.full_like(tokens, IGNORED)
        labels[:, before + 1 :] = copied
        return Batch(tokens, labels)
