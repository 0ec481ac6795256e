"""Parity of a few bits that stand side by side somewhere in noise.

Token ids, four disjoint ranges:

    0 1             classes: the answers, even and odd; never in the input
    2               query: the last token of every sequence
    3 4             bits 0 and 1
    5 ... V-1       noise

An example with `length: 8, bits: 3`: the bits 1 0 1 at position 2, uniform among those that fit,

    tokens   17  9   4  3  4   22  6   2
    labels    .  .   .  .  .    .  .   0        1 + 0 + 1 is even: class 0
"""

from __future__ import annotations

import torch
from pydantic import PositiveInt, ValidationInfo, field_validator

from seqzoo.tasks.synthetic import (
    SyntheticSpec,
    SyntheticTask,
    labelled_at_the_end,
    or_fewer,
)
from seqzoo.tasks.task import Batch, Metric
from seqzoo.tasks.vocabulary import Range, in_a_row

__all__ = ["Parity"]

QUERY = 2
FIRST_BIT = 3
FIRST_NOISE = 5


class Parity(SyntheticTask):
    """Sum modulo 2 of a few contiguous bits placed in noise, asked at the last position."""

    name = "parity"
    metric = Metric("accuracy", higher_is_better=True, chance=0.5)

    class Spec(SyntheticSpec):
        """Settings of `parity`.

        Attributes:
            bits: n, bits a sequence.
        """

        bits: PositiveInt = 3

        @field_validator("vocab_size")
        @classmethod
        def _vocabulary_holds_noise(cls, vocab_size: int) -> int:
            if vocab_size <= FIRST_NOISE:
                raise ValueError(
                    f"parity needs a vocabulary of at least {FIRST_NOISE + 1}: two classes, the "
                    f"query, two bits and noise; got {vocab_size}"
                )
            return vocab_size

        @field_validator("bits")
        @classmethod
        def _bits_fit(cls, bits: int, info: ValidationInfo) -> int:
            length = info.data.get("length")
            if length is not None and bits + 1 > length:
                raise ValueError(
                    f"{bits} bits and the query do not fit into length {length}; "
                    f"use length >= {bits + 1}{or_fewer('bits', length - 1)}"
                )
            return bits

    spec: Spec

    def vocabulary(self) -> tuple[Range, ...]:
        """Classes, query, bits, noise."""
        noise = self.vocab_size - FIRST_NOISE
        return in_a_row(
            ("classes", 2), ("query", 1), ("bits", 2), ("noise", noise), answers="classes"
        )

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Sequences of noise with bits at a uniform position and the query at the end."""
        length, count = self.length, self.spec.bits
        tokens = torch.randint(FIRST_NOISE, self.vocab_size, (size, length), generator=generator)
        bits = torch.randint(0, 2, (size, count), generator=generator)
        start = torch.randint(0, length - count, (size, 1), generator=generator)
        tokens.scatter_(1, start + torch.arange(count), bits + FIRST_BIT)
        tokens[:, -1] = QUERY
        return labelled_at_the_end(tokens, bits.sum(1) % 2)
