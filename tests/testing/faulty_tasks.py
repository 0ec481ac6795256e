"""Tasks that each break one rule of the kit."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from seqzoo.tasks import Batch, Metric
from seqzoo.tasks.parity import Parity


class Overflows(Parity):
    """Its labels are ids that no head gives."""

    name = "overflows"

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        batch = super().draw(size, generator)
        return Batch(batch.tokens, torch.where(batch.labels >= 0, 99, batch.labels))


class Global(Parity):
    """Its noise is torch's."""

    name = "global"

    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        return self.draw(size, torch.default_generator)


class Remembers(Parity):
    """A batch depends on how many were drawn."""

    name = "remembers"
    drawn = 0

    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        self.drawn += 1
        return super().train_batch(size, seed, self.drawn)


class Same(Parity):
    """One batch for every seed."""

    name = "same"

    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        return super().train_batch(size, 0, step)


class Cuts(Parity):
    """The test set depends on how it is cut."""

    name = "cuts"

    def test_batches(self, size: int) -> Iterator[Batch]:
        for index in range(0, 64, size):
            yield super().train_batch(size, 0, 10**6 + index)


class Leaks(Parity):
    """Trains on the test set."""

    name = "leaks"

    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        first = (seed + step) % 7
        test = next(iter(self.test_batches(size + first)))
        return test.rows(first, size + first)


class Upside(Parity):
    """Takes fewer right answers for better."""

    name = "upside"
    metric = Metric("accuracy", higher_is_better=False)


class Sure(Parity):
    """Says that guessing is better than knowing."""

    name = "sure"
    metric = Metric("accuracy", higher_is_better=True, chance=3.0)


class Averages(Parity):
    """Gives means, and not sums."""

    name = "averages"

    def measure(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        sums = super().measure(logits, batch)
        return {name: value / sums["count"] for name, value in sums.items()}


class Hides(Parity):
    """Puts a class among the noise, where it says classes never are."""

    name = "hides"

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        batch = super().draw(size, generator)
        batch.tokens[:, 0] = 1
        return batch


class Drops(Parity):
    """Sequences of the test set are missing where 16 are no multiple of a batch."""

    name = "drops"

    def test_batches(self, size: int) -> Iterator[Batch]:
        for number, batch in enumerate(super().test_batches(size)):
            if 16 % size == 0 or number < 3:
                yield batch
