"""Sequential recommendation: what a user will choose next, from a file of interactions.

Users and items with too few events are dropped until all that remain have enough. Each user's last
event is for testing, the one before it for validation, and the rest for training: leave-one-out by
time. Tokens are items 1 ... I; 0 pads rows at their end, after every label. A history s of 6 events
with `length: 5`:

    training      tokens   s1 s2 s3  0  0      labels   s2 s3 s4  .  .
    validation    tokens   s1 s2 s3 s4  0      labels    .  .  . s5  .
    test          tokens   s1 s2 s3 s4 s5      labels    .  .  .  . s6

Training draws users uniformly, and a random window of a long history; tests read its end. The right
item is ranked among all items, those the user chose before included.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field, PositiveInt, field_validator
from torch import Tensor

from seqzoo.errors import SpecError, counted
from seqzoo.spec import PartSpec
from seqzoo.tasks.data_file import check_path, path_of
from seqzoo.tasks.histories import dense_histories
from seqzoo.tasks.interactions import read_events
from seqzoo.tasks.ranking import discounted_gains, hits, ranks_and_wins
from seqzoo.tasks.streams import stream_of_training
from seqzoo.tasks.task import IGNORED, Batch, Metric, Negatives, Task
from seqzoo.tasks.vocabulary import Range, in_a_row

__all__ = ["Recommendation"]

HELD_OUT = 2  # events at the end of a history: validation and test


class Recommendation(Task):
    """The next item of every user of an interaction file, ranked among all items."""

    name = "recommendation"

    class Spec(PartSpec):
        """Settings of `recommendation`.

        Attributes:
            path: the file: `user item [timestamp]` lines; a relative path starts at the current
                directory.
            length: T, number of past events a model sees.
            min_user_events: users with fewer are dropped; at least 3, one for each part.
            min_item_events: items with fewer are dropped.
            held_out: the part to measure on: test, or validation for choosing settings.
            negatives: items drawn each step for a sampled softmax; null is full cross entropy.
            cutoffs: K of HR@K and NDCG@K; runs are compared by NDCG at the first.
        """

        path: str = Field(min_length=1, examples=["interactions.txt"])
        length: PositiveInt = 50
        min_user_events: int = Field(default=5, ge=HELD_OUT + 1)
        min_item_events: PositiveInt = 5
        held_out: Literal["test", "validation"] = "test"
        negatives: PositiveInt | None = None
        cutoffs: tuple[PositiveInt, ...] = (10, 50, 200, 500)

        @field_validator("path")
        @classmethod
        def _the_file_may_exist(cls, path: str) -> str:
            return check_path(path)

        @field_validator("cutoffs")
        @classmethod
        def _there_is_a_cutoff(cls, cutoffs: tuple[int, ...]) -> tuple[int, ...]:
            if not cutoffs or len(set(cutoffs)) < len(cutoffs):
                raise ValueError("one number or more, none of them twice, such as [10, 50]")
            return cutoffs

    spec: Spec

    def __init__(self, spec: Spec) -> None:
        """Read the file.

        Raises:
            SpecError: it is missing or malformed, too few events remain, or there are more
                negatives than items.
        """
        self.spec = spec
        path = path_of(spec.path)
        events = read_events(path)
        self._reordered = events.reordered
        self._fingerprint = events.fingerprint
        self._histories = dense_histories(
            events, spec.min_user_events, spec.min_item_events, f"interaction file {path}"
        )
        self.length = spec.length
        self.vocab_size = self._histories.num_items + 1
        starts = self._histories.starts
        trained = starts[1:] - starts[:-1] - HELD_OUT
        self._trainable = (trained > 1).nonzero().flatten()
        if len(self._trainable) == 0 or self._histories.num_items < 2:
            raise SpecError(
                f"interaction file {path} has nothing to learn from: {HELD_OUT + 2} events of one "
                "user and 2 items are the least; use a larger file"
            )
        if (spec.negatives or 0) > self._items:
            raise SpecError(
                f"task 'recommendation': {spec.negatives:,} negatives stand for all items, and "
                f"interaction file {path} has {counted(self._items, 'item')} with enough events; "
                "write negatives: null, which weighs each item against all others"
            )
        first = spec.cutoffs[0]
        gains = sum(1 / math.log2(rank + 1) for rank in range(1, min(first, self._items) + 1))
        self.metric = Metric(f"ndcg@{first}", higher_is_better=True, chance=gains / self._items)

    @property
    def _items(self) -> int:
        return self._histories.num_items

    @classmethod
    def files(cls, spec: Spec) -> Mapping[str, Path]:
        """The interactions."""
        return {"path": path_of(spec.path)}

    @property
    def inputs(self) -> Mapping[str, str]:
        """A hash of the file's content."""
        return {"path": self._fingerprint}

    def vocabulary(self) -> tuple[Range, ...]:
        """Filling, items."""
        return in_a_row(("filling", 1), ("items", self._items))

    def notes(self) -> tuple[str, ...]:
        """What remains of the file, what was dropped, and whether it was in order of time."""
        histories = self._histories
        users, items, events = histories.dropped
        notes = [
            f"{counted(histories.num_users, 'user')}, {counted(self._items, 'item')}, "
            f"{counted(len(histories.items), 'event')}"
        ]
        if events:
            notes.append(
                f"dropped {counted(users, 'user')} with fewer than {self.spec.min_user_events} "
                f"events, {counted(items, 'item')} with fewer than {self.spec.min_item_events}, "
                f"{counted(events, 'event')} in all"
            )
        if self._reordered:
            late = counted(self._reordered, "event")
            notes.append(f"put into order of time: {late} came too late")
        return tuple(notes)

    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        """Windows of users drawn evenly, with the next event as the label everywhere."""
        generator = stream_of_training(self.name, seed, step)
        starts = self._histories.starts
        chosen = torch.randint(0, len(self._trainable), (size,), generator=generator)
        users = self._trainable[chosen]
        begin, end = starts[users], starts[users + 1] - HELD_OUT
        spare = (end - begin - (self.length + 1)).clamp(min=0)
        share = torch.rand(size, generator=generator, dtype=torch.float64)
        begin = begin + (share * (spare + 1)).long()
        end = torch.minimum(end, begin + self.length + 1)
        window = self._histories.window(begin, end, self.length + 1)
        labels = window[:, 1:].clone()
        tokens = window[:, :-1].masked_fill(labels == 0, 0)
        return Batch(tokens, labels.masked_fill_(labels == 0, IGNORED), self._sample(generator))

    def test_batches(self, size: int) -> Iterator[Batch]:
        """Every user's history before the event held out, whose label stands at its end."""
        starts = self._histories.starts
        last = starts[1:] - (1 if self.spec.held_out == "test" else HELD_OUT)
        begin = torch.maximum(starts[:-1], last - self.length)
        for first in range(0, len(last), size):
            rows = slice(first, first + size)
            tokens = self._histories.window(begin[rows], last[rows], self.length)
            labels = torch.full_like(tokens, IGNORED)
            answers = self._histories.items[last[rows]].long()
            labels.scatter_(1, (last - begin)[rows].unsqueeze(1) - 1, answers.unsqueeze(1))
            yield Batch(tokens, labels)

    def measure(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Sums of `nats`, `count`, `auc`, and `hr@K`, `ndcg@K` for every cutoff."""
        sums = super().measure(logits, batch)
        del sums["correct"]
        _, targets = batch.labelled()
        ranks, wins = ranks_and_wins(logits[:, 1:], targets.to(logits.device) - 1)
        sums["auc"] = (wins / (self._items - 1)).sum()
        for cutoff in self.spec.cutoffs:
            sums[f"hr@{cutoff}"] = hits(ranks, cutoff)
            sums[f"ndcg@{cutoff}"] = discounted_gains(ranks, cutoff)
        return sums

    def metrics(self, sums: Mapping[str, float]) -> dict[str, float]:
        """`loss` in nats, `auc`, `hr@K` and `ndcg@K`: means over all users."""
        means = {name: value / sums["count"] for name, value in sums.items() if name != "count"}
        return {"loss": means.pop("nats"), **means}

    def _sample(self, generator: torch.Generator) -> Negatives | None:
        count = self.spec.negatives
        if count is None:
            return None
        tokens = torch.randint(1, self.vocab_size, (count,), generator=generator)
        return Negatives(tokens, stands_for=self._items / count)
