"""The sum of two neighbouring numbers modulo m: a, b and a mark that means "add", in noise.

Token ids, five disjoint ranges, with m = `modulus`:

    0 ... m-1        classes: the answers; never in the input
    m                query: the last token of every sequence
    m+1              mark
    m+2 ... 2m+1     numbers 0 ... m-1
    2m+2 ... V-1     noise

An example with `length: 8, vocab_size: 64, modulus: 16`: 11 and 7 at position 2, uniform among
those that fit,

    tokens   40 61   29 25 17   50 34   16
    labels    .  .    .  .  .    .  .    2        (11 + 7) mod 16 = 2
"""

from __future__ import annotations

import torch
from pydantic import Field, PositiveInt, ValidationInfo, field_validator

from seqzoo.tasks.placing import one_block
from seqzoo.tasks.synthetic import SyntheticSpec, SyntheticTask, labelled_at_the_end
from seqzoo.tasks.task import Batch, Metric
from seqzoo.tasks.vocabulary import Range, in_a_row

__all__ = ["ModuloAdd"]

BLOCK = 3  # a, b and the mark


class ModuloAdd(SyntheticTask):
    """Sum of two neighbouring numbers modulo m in noise, asked at the last position."""

    name = "modulo_add"

    class Spec(SyntheticSpec):
        """Settings of `modulo_add`.

        Attributes:
            modulus: m.
        """

        vocab_size: PositiveInt = 64
        modulus: int = Field(default=16, ge=2)

        @field_validator("length")
        @classmethod
        def _block_fits(cls, length: int) -> int:
            if length <= BLOCK:
                raise ValueError(
                    f"modulo_add places a, b and the mark before the query: length must be at "
                    f"least {BLOCK + 1}, got {length}"
                )
            return length

        @field_validator("modulus")
        @classmethod
        def _vocabulary_holds_all(cls, modulus: int, info: ValidationInfo) -> int:
            vocab_size = info.data.get("vocab_size")
            if vocab_size is not None and vocab_size < 2 * modulus + 3:
                raise ValueError(
                    f"modulus {modulus} needs a vocabulary of at least {2 * modulus + 3}: as many "
                    f"classes and numbers, the query, the mark, and noise; got {vocab_size}"
                )
            return modulus

    spec: Spec

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.metric = Metric("accuracy", higher_is_better=True, chance=1 / spec.modulus)

    def vocabulary(self) -> tuple[Range, ...]:
        """Classes, query, mark, numbers, noise."""
        modulus = self.spec.modulus
        noise = self.vocab_size - 2 * modulus - 2
        fixed = (("classes", modulus), ("query", 1), ("mark", 1), ("numbers", modulus))
        return in_a_row(*fixed, ("noise", noise), answers="classes")

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Sequences of noise with a, b, mark at a uniform position and the query at the end."""
        _, query, mark, numbers, noise = self.vocabulary()
        block = torch.full((size, BLOCK), mark.first)
        block[:, :2] = numbers.draw((size, 2), generator)
        tokens = one_block(block, self.length, query, noise, generator)
        sums = (block[:, :2] - numbers.first).sum(1)
        return labelled_at_the_end(tokens, sums % self.spec.modulus)
