"""Memorization, from the MAD benchmark: one dictionary for all sequences.

The dictionary gives each key a value, fixed by `dictionary_seed`. No sequence shows it, so a model
must learn it from the labels. A sequence is a row of keys, each followed by a blank that carries
the label.

Token ids, three disjoint ranges; K = (V - 1) // 2:

    0                blank
    1 ... K          keys
    K+1 ... V-1      values: the answers; never in the input

An example with `length: 6`:

    tokens    17   0    90   0    17   0
    labels     . 200     . 131     . 200
"""

from __future__ import annotations

from functools import cached_property

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from seqzoo.tasks.synthetic import SyntheticSpec, SyntheticTask
from seqzoo.tasks.task import IGNORED, Batch, Metric
from seqzoo.tasks.vocabulary import Range, in_a_row

__all__ = ["Memorization"]


class Memorization(SyntheticTask):
    """The value of a key in a dictionary that all sequences share and none shows."""

    name = "memorization"

    class Spec(SyntheticSpec):
        """Settings of `memorization`.

        Attributes:
            dictionary_seed: seed of the dictionary; the run's seed does not change it.
        """

        length: int = Field(default=32, ge=2)
        vocab_size: int = Field(default=256, ge=5)
        test_size: PositiveInt = 1280
        dictionary_seed: int = Field(default=12345, ge=0, lt=2**32)

    spec: Spec

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        most = int(self.dictionary.bincount().max())  # keys that share the commonest value
        chance = most / len(self.dictionary)
        self.metric = Metric("accuracy", higher_is_better=True, chance=chance)

    def vocabulary(self) -> tuple[Range, ...]:
        """Blank, keys, values."""
        keys = (self.vocab_size - 1) // 2
        values = self.vocab_size - 1 - keys
        return in_a_row(("blank", 1), ("keys", keys), ("values", values), answers="values")

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Sequences of keys and blanks, with the keys' values at the blanks."""
        _, of_keys, _ = self.vocabulary()
        keys = of_keys.draw((size, self.length // 2), generator)
        tokens = torch.zeros(size, self.length, dtype=torch.int64)
        stop = self.length // 2 * 2
        tokens[:, 0:stop:2] = keys
        labels = torch.full_like(tokens, IGNORED)
        labels[:, 1:stop:2] = self.dictionary[keys - of_keys.first]
        return Batch(tokens, labels)

    @cached_property
    def dictionary(self) -> Tensor:
        """(K,) int64: the value of every key, drawn evenly."""
        _, keys, values = self.vocabulary()
        generator = torch.Generator().manual_seed(self.spec.dictionary_seed)
        return values.draw((keys.size,), generator)
