"""Whether the first and the last of a few tokens are the same: a, b, c and a mark, in noise.

Half of the sequences have equal ends. What stands between is free, so with `span: 3` the question
is whether a b c is a palindrome.

Token ids, five disjoint ranges; P = (V - 4) // 2:

    0 1             classes: the answers, different and equal; never in the input
    2               query: the last token of every sequence
    3               mark
    4 ... P+3       payload: what a, b and c are drawn from
    P+4 ... V-1     noise

An example with `length: 9, vocab_size: 32`: payload 7 12 7 at position 2, uniform among those that
fit,

    tokens   29 21   7 12  7  3   30 18   2
    labels    .  .   .  .  .  .    .  .   1        7 and 7 are equal: class 1
"""

from __future__ import annotations

import torch
from pydantic import Field, ValidationInfo, field_validator

from seqzoo.errors import counted
from seqzoo.tasks.placing import one_block
from seqzoo.tasks.synthetic import (
    SyntheticSpec,
    SyntheticTask,
    labelled_at_the_end,
    or_fewer,
)
from seqzoo.tasks.task import Batch, Metric
from seqzoo.tasks.vocabulary import Range, in_a_row

__all__ = ["Palindrome"]

SMALLEST_VOCABULARY = 8  # two classes, the query, the mark, two kinds of payload, noise


class Palindrome(SyntheticTask):
    """Whether a few contiguous tokens begin and end alike, asked at the last position."""

    name = "palindrome"
    metric = Metric("accuracy", higher_is_better=True, chance=0.5)

    class Spec(SyntheticSpec):
        """Settings of `palindrome`.

        Attributes:
            span: tokens before the mark: 3 for a b c, 4 for a b c d.
        """

        span: int = Field(default=3, ge=2)

        @field_validator("vocab_size")
        @classmethod
        def _vocabulary_holds_all(cls, vocab_size: int) -> int:
            if vocab_size < SMALLEST_VOCABULARY:
                raise ValueError(
                    f"palindrome needs a vocabulary of at least {SMALLEST_VOCABULARY}: two "
                    f"classes, the query, the mark, two tokens of payload, and noise; got "
                    f"{vocab_size}"
                )
            return vocab_size

        @field_validator("span")
        @classmethod
        def _span_fits(cls, span: int, info: ValidationInfo) -> int:
            length = info.data.get("length")
            if length is not None and span + 2 > length:
                raise ValueError(
                    f"{counted(span, 'token')}, the mark and the query do not fit into length "
                    f"{length}; use length >= {span + 2}{or_fewer('span', length - 2, 2)}"
                )
            return span

    spec: Spec

    def vocabulary(self) -> tuple[Range, ...]:
        """Classes, query, mark, payload, noise."""
        payload = (self.vocab_size - 4) // 2
        fixed = (("classes", 2), ("query", 1), ("mark", 1), ("payload", payload))
        return in_a_row(*fixed, ("noise", self.vocab_size - 4 - payload), answers="classes")

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Sequences of noise with a span and its mark, and the query at the end."""
        span = self.spec.span
        _, query, mark, payload, noise = self.vocabulary()
        block = torch.full((size, span + 1), mark.first)
        block[:, :span] = payload.draw((size, span), generator)
        ends = payload.draw_distinct(size, 2, generator)
        equal = torch.randint(0, 2, (size,), generator=generator)
        block[:, 0] = ends[:, 0]
        block[:, span - 1] = torch.where(equal == 1, ends[:, 0], ends[:, 1])
        tokens = one_block(block, self.length, query, noise, generator)
        return labelled_at_the_end(tokens, equal)
