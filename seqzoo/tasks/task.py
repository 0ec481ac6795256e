"""The task family: a task draws batches and measures how well a model answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from seqzoo.spec import Part, PartSpec
from seqzoo.tasks.vocabulary import Range

__all__ = ["IGNORED", "Batch", "Metric", "Negatives", "Task"]

IGNORED = -100


@dataclass(frozen=True)
class Metric:
    """The one number by which runs on a task are compared.

    Attributes:
        name: its key in what `Task.metrics` returns.
        higher_is_better: the direction of better.
        chance: what guessing gives; None where that means nothing.
    """

    name: str
    higher_is_better: bool
    chance: float | None = None

    def better(self, value: float, other: float) -> bool:
        """Whether `value` is strictly better than `other`."""
        return value > other if self.higher_is_better else value < other

    def reached(self, value: float, target: float) -> bool:
        """Whether `value` is at least as good as `target`."""
        return value >= target if self.higher_is_better else value <= target


@dataclass(frozen=True)
class Negatives:
    """A uniform sample of the vocabulary that stands in for the whole in a softmax.

    Attributes:
        tokens: (C,) int64; at a position whose label is among them, that token is ignored.
        stands_for: how many tokens each of them represents.
    """

    tokens: Tensor
    stands_for: float


@dataclass(frozen=True)
class Batch:
    """B sequences, and the label of each position.

    Attributes:
        tokens: (B, T) int64.
        labels: (B, T) int64; the label at t belongs to the logits AT t, `IGNORED` means no label.
        negatives: what the training loss weighs labels against; None means the whole vocabulary.
        continues: whether each row continues that of the previous test batch, so that the model's
            state is carried over.
        cu_seqlens: (N + 1,) int64, ascending: the flat positions b * T + t at which N documents
            begin, and B * T. No document sees another, and every row begins one. None means that
            each row is one sequence.
    """

    tokens: Tensor
    labels: Tensor
    negatives: Negatives | None = None
    continues: bool = False
    cu_seqlens: Tensor | None = None

    def rows(self, first: int, stop: int) -> Batch:
        """The rows first ... stop-1, with their documents."""
        bounds = self.cu_seqlens
        if bounds is not None:
            begin, end = first * self.tokens.shape[1], stop * self.tokens.shape[1]
            bounds = bounds[(bounds >= begin) & (bounds <= end)] - begin
        tokens, labels = self.tokens[first:stop], self.labels[first:stop]
        return replace(self, tokens=tokens, labels=labels, cu_seqlens=bounds)

    def labelled(self) -> tuple[Tensor, Tensor]:
        """Flat positions b * T + t that have a label (N,) int64, and their labels (N,) int64."""
        flat = self.labels.flatten()
        positions = (flat != IGNORED).nonzero().flatten()
        return positions, flat[positions]


class Task(Part, ABC, family="task"):
    """A problem with an endless stream of training batches and a fixed test set.

    The task's spec alone determines the test set: runs that differ in seed or model are measured
    on the same sequences, and training never draws from them.

    Attributes:
        vocab_size: number of token ids, for the model's embedding and head.
        length: T, positions a sequence.
        metric: what runs are compared by.
    """

    vocab_size: int
    length: int
    metric: Metric

    @classmethod
    def decoder(cls, spec: Any) -> PartSpec | None:
        """The decoder that computes answers from features; None: the head, at each position.

        Args:
            spec: the task's.
        """
        return None

    @classmethod
    def files(cls, spec: Any) -> Mapping[str, Path]:
        """The files outside the spec that the task reads, by the key of the spec that names each.

        A grid compares their content with that of earlier runs, without building the task.

        Args:
            spec: the task's.
        """
        return {}

    @property
    def inputs(self) -> Mapping[str, str]:
        """A fingerprint of everything the task read from outside its spec; {} if nothing.

        Files are named by the keys of `files`, and fingerprinted by
        `seqzoo.tasks.inputs.fingerprint_of`; anything else may have any other name.
        """
        return {}

    @property
    def fingerprint(self) -> str:
        """One fingerprint of all `inputs`, which changes when any of them does; "" if none."""
        return "-".join(self.inputs.values())

    def vocabulary(self) -> tuple[Range, ...]:
        """The meaning of token ids, as named ranges; () where they are all of one kind."""
        return ()

    def word(self, token: int) -> str:
        """A token as `seqzoo tasks show` prints it; by default its id."""
        return str(token)

    def notes(self) -> tuple[str, ...]:
        """What a user should know about the task's data, such as which parts of a file were left
        out."""
        return ()

    @abstractmethod
    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        """The batch of one training step: a function of the arguments and the spec, nothing else.

        Args:
            size: B, sequences.
            seed: the run's seed.
            step: the step, counted from 0.
        """

    @abstractmethod
    def test_batches(self, size: int) -> Iterator[Batch]:
        """The whole test set, always the same sequences in the same order, `size` at a time."""

    def measure(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Sums over the labelled positions of a batch; those of many batches are added up.

        Args:
            logits: (N, vocab_size), any float dtype and device, at the batch's labelled positions
                in the order of `Batch.labelled`.
            batch: what was asked, on the CPU.

        Returns:
            Scalar tensors: `nats` (sum of cross entropies), `correct` and `count`.
        """
        targets = batch.labelled()[1].to(logits.device)
        return {
            "nats": F.cross_entropy(logits.float(), targets, reduction="sum"),
            "correct": (logits.argmax(-1) == targets).sum(),
            "count": torch.full((), targets.numel(), device=targets.device),
        }

    def metrics(self, sums: Mapping[str, float]) -> dict[str, float]:
        """The metrics of everything that was summed: `loss` in nats a label, and `accuracy`."""
        return {
            "loss": sums["nats"] / sums["count"],
            "accuracy": sums["correct"] / sums["count"],
        }

    def higher_is_better(self, metric: str) -> bool:
        """Whether higher is better for any of the metrics: False for losses, True for all
        others."""
        if metric == self.metric.name:
            return self.metric.higher_is_better
        return not metric.startswith(("loss", "bits_per_", "perplexity"))
