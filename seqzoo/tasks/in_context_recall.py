"""In-context recall, from the MAD benchmark: pairs of key and value, whose keys recur.

Every sequence has its own dictionary, which gives each key a uniformly drawn value. A sequence is
a row of pairs `key value` with uniformly drawn keys, so most keys repeat; a share `noise_share` of
the pairs is replaced by two noise tokens (never the first pair). In training the label at every
position is the next token. The test has labels only at keys that occurred before: their value.
MAD trains on a fixed set for many epochs; here every batch is new.

Token ids, three disjoint ranges; K = (V - `noise_vocab`) // 2:

    0 ... K-1        keys
    K ... 2K-1       values: the answers of the test
    2K ... V-1       noise

An example with `length: 8, vocab_size: 16` (K = 8):

    tokens      3 12   5  9   3 12   5  9
    training   12  5   9  3  12  5   9  1        the token after the last is drawn too
    test        .  .   .  .  12  .   9  .
"""

from __future__ import annotations

import torch
from pydantic import (
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)
from torch import Tensor

from seqzoo.tasks.streams import stream_of_training
from seqzoo.tasks.synthetic import SyntheticSpec, SyntheticTask, check_expected_labels
from seqzoo.tasks.task import IGNORED, Batch, Metric
from seqzoo.tasks.vocabulary import Range, in_a_row

__all__ = ["InContextRecall", "expected_labels"]


def expected_labels(pairs: int, keys: int, noise_share: float) -> float:
    """The average number of labels in a test sequence: keys that occurred in an earlier pair.

    Pair i is no noise with probability p = 1 - noise_share (the first always), and then its key is
    new with (1 - 1/K)(1 - p/K)^(i - 1).
    """
    kept = 1 - noise_share
    missed = 1 - kept / keys
    others = pairs - 1  # sum of missed^(i - 1) over i = 1 ... pairs - 1
    new = (1 - 1 / keys) * (others if missed == 1 else (1 - missed**others) / (1 - missed))
    return kept * (others - new)


class InContextRecall(SyntheticTask):
    """The value of a key that occurred before, in a sequence of keys and values."""

    name = "in_context_recall"

    class Spec(SyntheticSpec):
        """Settings of `in_context_recall`.

        Attributes:
            noise_vocab: number of noise token ids.
            noise_share: probability that a pair is noise.
        """

        length: int = Field(default=128, ge=4)
        vocab_size: PositiveInt = 16
        test_size: PositiveInt = 1280
        noise_vocab: NonNegativeInt = 0
        noise_share: float = Field(default=0.0, ge=0, lt=1)

        @field_validator("noise_vocab")
        @classmethod
        def _keys_and_values_are_left(cls, noise_vocab: int, info: ValidationInfo) -> int:
            vocab_size = info.data.get("vocab_size")
            if vocab_size is not None and vocab_size - noise_vocab < 4:
                raise ValueError(
                    f"two keys and two values are the least beside {noise_vocab} ids of noise: "
                    f"vocab_size must be at least {noise_vocab + 4}, got {vocab_size}"
                )
            return noise_vocab

        @field_validator("noise_share")
        @classmethod
        def _there_is_noise(cls, noise_share: float, info: ValidationInfo) -> float:
            if noise_share > 0 and info.data.get("noise_vocab") == 0:
                raise ValueError(f"noise_share {noise_share:g} needs token ids: set noise_vocab")
            return noise_share

        @model_validator(mode="after")
        def _the_test_asks_for_something(self) -> InContextRecall.Spec:
            labels = self.test_size * expected_labels(
                pairs=-(-self.length // 2),
                keys=(self.vocab_size - self.noise_vocab) // 2,
                noise_share=self.noise_share,
            )
            check_expected_labels(labels)
            return self

    spec: Spec

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        # Naming a value, whichever.
        chance = 1 / ((spec.vocab_size - spec.noise_vocab) // 2)
        self.metric = Metric("accuracy", higher_is_better=True, chance=chance)

    def vocabulary(self) -> tuple[Range, ...]:
        """Keys, values, and noise if there is any."""
        half = (self.vocab_size - self.spec.noise_vocab) // 2
        noise = self.vocab_size - 2 * half
        kinds = (("keys", half), ("values", half), ("noise", noise))
        return in_a_row(*(kind for kind in kinds if kind[1]))

    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        """The sequences of this step's stream, labelled with the next token everywhere."""
        tokens, _ = self._sequences(size, stream_of_training(self.name, seed, step))
        return Batch(tokens[:, :-1], tokens[:, 1:])

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Sequences with labels at keys that were seen before."""
        tokens, seen = self._sequences(size, generator)
        labels = tokens[:, 1:].masked_fill(~seen[:, :-1], IGNORED)
        return Batch(tokens[:, :-1], labels)

    def _sequences(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Tokens (B, T + 1), and where a key that was seen before stands (B, T + 1) bool."""
        of_keys, of_values = self.vocabulary()[:2]
        slots = self.length // 2 + 1
        values = of_values.draw((size, of_keys.size), generator)
        keys = of_keys.draw((size, slots), generator)
        pairs = torch.stack((keys, values.gather(1, keys)), dim=-1)
        order = torch.arange(slots).expand(size, -1)
        noisy = torch.zeros(size, slots, dtype=torch.bool)
        if self.spec.noise_share > 0:
            noise = self.vocabulary()[2]
            drawn = torch.rand(size, slots, generator=generator)
            noisy = (drawn < self.spec.noise_share) & (order > 0)
            pairs = torch.where(noisy.unsqueeze(-1), noise.draw((size, slots, 2), generator), pairs)
        first = torch.full((size, of_keys.size), slots)
        first = first.scatter_reduce(1, keys, order.masked_fill(noisy, slots), "amin")
        seen = torch.zeros(size, slots, 2, dtype=torch.bool)
        seen[..., 0] = (order > first.gather(1, keys)) & ~noisy
        stop = self.length + 1
        return pairs.flatten(1)[:, :stop], seen.flatten(1)[:, :stop]
