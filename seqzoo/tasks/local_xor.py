"""XOR of two neighbours: a, b and a mark that means "combine the two before me", in noise.

Token ids, five disjoint ranges; P = (V - 4) // 2 rounded down to an even number:

    0 1             classes: the answers, equal and different; never in the input
    2               query: the last token of every sequence
    3               mark: the XOR token
    4 ... P+3       payload: what a and b are drawn from; half of these ids are odd
    P+4 ... V-1     noise

An example with `length: 8, vocab_size: 32`: payload 7 and 12 at position 2, uniform among those
that fit,

    tokens   29 21   7 12  3   18 30   2
    labels    .  .   .  .  .    .  .   1        7 is odd, 12 is not: class 1
"""

from __future__ import annotations

import torch
from pydantic import field_validator

from seqzoo.tasks.synthetic import SyntheticSpec, SyntheticTask, labelled_at_the_end
from seqzoo.tasks.task import Batch, Metric
from seqzoo.tasks.vocabulary import Range, in_a_row

__all__ = ["LocalXor"]

QUERY = 2
MARK = 3
FIRST_PAYLOAD = 4
PLACED = 3  # a, b and the mark


class LocalXor(SyntheticTask):
    """Whether exactly one of two neighbouring tokens is odd, asked at the last position."""

    name = "local_xor"
    metric = Metric("accuracy", higher_is_better=True, chance=0.5)

    class Spec(SyntheticSpec):
        """Settings of `local_xor`: those of every synthetic task."""

        @field_validator("length")
        @classmethod
        def _payload_fits(cls, length: int) -> int:
            if length <= PLACED:
                raise ValueError(
                    f"local_xor places a, b and the XOR token before the query: "
                    f"length must be at least {PLACED + 1}, got {length}"
                )
            return length

        @field_validator("vocab_size")
        @classmethod
        def _vocabulary_holds_all(cls, vocab_size: int) -> int:
            smallest = FIRST_PAYLOAD + 4
            if vocab_size < smallest:
                raise ValueError(
                    f"local_xor needs a vocabulary of at least {smallest}: two classes, the "
                    f"query, the XOR token, an even and an odd payload, and noise; got {vocab_size}"
                )
            return vocab_size

    def vocabulary(self) -> tuple[Range, ...]:
        """Classes, query, mark, payload, noise."""
        payload = (self.vocab_size - FIRST_PAYLOAD) // 4 * 2
        fixed = (("classes", 2), ("query", 1), ("mark", 1), ("payload", payload))
        noise = self.vocab_size - FIRST_PAYLOAD - payload
        return in_a_row(*fixed, ("noise", noise), answers="classes")

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Sequences of noise with a, b, mark at a uniform position and the query at the end."""
        length = self.length
        *_, payload, noise = self.vocabulary()
        tokens = noise.draw((size, length), generator)
        placed = torch.full((size, PLACED), MARK)
        placed[:, :2] = payload.draw((size, 2), generator)
        start = torch.randint(0, length - PLACED, (size, 1), generator=generator)
        tokens.scatter_(1, start + torch.arange(PLACED), placed)
        tokens[:, -1] = QUERY
        return labelled_at_the_end(tokens, placed[:, :2].sum(1) % 2)
