"""Fuzzy in-context recall, after the MAD benchmark: keys and values are motifs of several tokens.

Every sequence has a dictionary of its own: `motifs` different keys of each length 1 ... `key_size`,
and for each a value of 1 ... `value_size` tokens. A sequence is a row of entries `key value` drawn
uniformly, so a model must find out where a key ends. In training the label at every position is the
next token. The test asks only unambiguous questions: keys of full length that occurred before, and
all tokens of their values.

Token ids, two disjoint ranges; K = V // 2:

    0 ... K-1        tokens of keys
    K ... V-1        tokens of values: the answers of the test

An example with `length: 10, key_size: 2, value_size: 2`, the entry `3 5 -> 9 12` drawn twice, and
`4 -> 8` between:

    tokens      3  5   9 12   4   8   3  5   9  12
    test        .  .   .  .   .   .   .  9  12   .

MAD fixes the vocabulary, the length and the sizes of motifs; their number is this task's choice.
MAD trains on a fixed set for many epochs; here every batch is new.
"""

from __future__ import annotations

import torch
from pydantic import Field, PositiveInt, ValidationInfo, field_validator, model_validator
from torch import Tensor

from seqzoo.tasks.sampling import distinct
from seqzoo.tasks.streams import stream_of_training
from seqzoo.tasks.synthetic import SyntheticSpec, SyntheticTask, check_expected_labels
from seqzoo.tasks.task import IGNORED, Batch, Metric
from seqzoo.tasks.vocabulary import Range, in_a_row

__all__ = ["FuzzyRecall"]

LARGEST_MOTIF = 8
LARGEST_NUMBER = 2**63 - 1  # keys are drawn by number


class FuzzyRecall(SyntheticTask):
    """The value of a key seen before, where keys and values have one token or several."""

    name = "fuzzy_recall"

    class Spec(SyntheticSpec):
        """Settings of `fuzzy_recall`.

        Attributes:
            key_size: tokens of the longest keys.
            value_size: tokens of the longest values.
            motifs: different keys of each length, in one sequence.
        """

        vocab_size: int = Field(default=16, ge=4)
        test_size: PositiveInt = 1280
        key_size: int = Field(default=3, ge=1, le=LARGEST_MOTIF)
        value_size: int = Field(default=3, ge=1, le=LARGEST_MOTIF)
        motifs: PositiveInt = 4

        @field_validator("key_size")
        @classmethod
        def _keys_can_be_numbered(cls, key_size: int, info: ValidationInfo) -> int:
            letters = info.data.get("vocab_size", 0) // 2
            if letters**key_size > LARGEST_NUMBER:
                longest = next(
                    n for n in range(LARGEST_MOTIF) if letters ** (n + 1) > LARGEST_NUMBER
                )
                raise ValueError(
                    f"there are more than 2^63 keys of {key_size} of {letters:,} tokens, which "
                    f"cannot be drawn from; key_size can be {longest} here"
                )
            return key_size

        @field_validator("motifs")
        @classmethod
        def _motifs_fit(cls, motifs: int, info: ValidationInfo) -> int:
            vocab_size = info.data.get("vocab_size")
            if vocab_size is not None and motifs > vocab_size // 2:
                raise ValueError(
                    f"{motifs} different keys of one token need vocab_size >= {2 * motifs}, got "
                    f"{vocab_size}"
                )
            return motifs

        @field_validator("value_size")
        @classmethod
        def _an_entry_comes_twice(cls, value_size: int, info: ValidationInfo) -> int:
            length, key_size = info.data.get("length"), info.data.get("key_size")
            if length is not None and key_size is not None:
                smallest = 2 * (key_size + value_size)
                if length < smallest:
                    raise ValueError(
                        f"an entry of {key_size + value_size} tokens comes twice in length "
                        f"{smallest} or more, got {length}"
                    )
            return value_size

        @model_validator(mode="after")
        def _the_test_asks_for_something(self) -> FuzzyRecall.Spec:
            # At least so many whole entries fit; each is the longest of keys 1 time in key_size.
            slots = self.length // (self.key_size + self.value_size)
            entries = self.motifs * self.key_size
            repeated = slots - entries * (1 - (1 - 1 / entries) ** slots)
            check_expected_labels(self.test_size * repeated / self.key_size)
            return self

    spec: Spec

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        # Naming a token of values, whichever.
        chance = 1 / (spec.vocab_size - spec.vocab_size // 2)
        self.metric = Metric("accuracy", higher_is_better=True, chance=chance)

    def vocabulary(self) -> tuple[Range, ...]:
        """Tokens of keys, tokens of values."""
        half = self.vocab_size // 2
        return in_a_row(("keys", half), ("values", self.vocab_size - half))

    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        """The sequences of this step's stream, labelled with the next token everywhere."""
        tokens, _ = self._sequences(size, stream_of_training(self.name, seed, step))
        return Batch(tokens[:, :-1], tokens[:, 1:])

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Sequences with labels before the values of long keys that were seen before."""
        tokens, asked = self._sequences(size, generator)
        return Batch(tokens[:, :-1], tokens[:, 1:].masked_fill(~asked[:, 1:], IGNORED))

    def _sequences(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Tokens (B, T + 1), and which of them the test asks for (B, T + 1) bool."""
        entries, lengths, value_starts = self._dictionary(size, generator)
        count, widest = entries.shape[1:]
        slots = self.length // 2 + 1  # an entry has two tokens or more
        drawn = torch.randint(0, count, (size, slots), generator=generator)
        first = torch.full((size, count), slots)
        order = torch.arange(slots).expand(size, -1)
        first = first.scatter_reduce(1, drawn, order, "amin")
        repeated = order > first.gather(1, drawn)
        long_key = value_starts.gather(1, drawn) == self.spec.key_size

        inside = torch.arange(widest)
        taken = lengths.gather(1, drawn)
        where = (taken.cumsum(1) - taken).unsqueeze(-1) + inside  # (B, slots, widest)
        real = (inside < taken.unsqueeze(-1)) & (where <= self.length)
        where = where.masked_fill(~real, self.length + 1).flatten(1)  # one place more, cut off
        chosen = entries.gather(1, drawn.unsqueeze(-1).expand(-1, -1, widest))
        is_value = inside >= value_starts.gather(1, drawn).unsqueeze(-1)
        asked = is_value & (repeated & long_key).unsqueeze(-1)
        tokens = torch.zeros(size, self.length + 2, dtype=torch.int64)
        tokens.scatter_(1, where, chosen.flatten(1))
        marks = torch.zeros(size, self.length + 2, dtype=torch.bool)
        marks.scatter_(1, where, asked.flatten(1))
        return tokens[:, :-1], marks[:, :-1]

    def _dictionary(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Entries (B, n, widest), their lengths (B, n), and where their values begin (B, n)."""
        spec = self.spec
        of_keys, of_values = self.vocabulary()
        count, widest = spec.motifs * spec.key_size, spec.key_size + spec.value_size
        entries = torch.zeros(size, count, widest, dtype=torch.int64)
        starts = torch.arange(1, spec.key_size + 1).repeat_interleave(spec.motifs).expand(size, -1)
        for key_size in range(1, spec.key_size + 1):
            codes = distinct(size, spec.motifs, of_keys.size**key_size, generator)
            digits = codes.unsqueeze(-1) // of_keys.size ** torch.arange(key_size) % of_keys.size
            rows = slice((key_size - 1) * spec.motifs, key_size * spec.motifs)
            entries[:, rows, :key_size] = digits
        values = of_values.draw((size, count, spec.value_size), generator)
        entries.scatter_(2, starts.unsqueeze(-1) + torch.arange(spec.value_size), values)
        sizes = torch.randint(1, spec.value_size + 1, (size, count), generator=generator)
        return entries, starts + sizes, starts
