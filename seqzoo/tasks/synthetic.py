"""Tasks whose sequences are drawn at random from a rule."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property

import torch
from pydantic import PositiveInt
from pydantic_core import PydanticCustomError
from torch import Tensor

from seqzoo.spec import PartSpec
from seqzoo.tasks.streams import stream_of_test, stream_of_training
from seqzoo.tasks.task import IGNORED, Batch, Task

__all__ = [
    "SyntheticSpec",
    "SyntheticTask",
    "check_expected_labels",
    "labelled_at_the_end",
    "or_fewer",
]


FEWEST = 10.0


class SyntheticSpec(PartSpec):
    """Settings of every synthetic task.

    Attributes:
        length: T, positions a sequence.
        vocab_size: number of token ids.
        test_size: sequences in the test set.
    """

    length: PositiveInt = 128
    vocab_size: PositiveInt = 32
    test_size: PositiveInt = 2048


def or_fewer(name: str, most: int, least: int = 1) -> str:
    """The second remedy for a sequence that is too short: nothing if `most` is not allowed.

    >>> or_fewer("bits", 3), or_fewer("bits", 0)
    (' or bits <= 3', '')
    """
    return f" or {name} <= {most}" if most >= least else ""


class SyntheticTask(Task):
    """Draws a new batch for every training step, and one fixed test set."""

    def __init__(self, spec: SyntheticSpec) -> None:
        self.spec = spec
        self.vocab_size = spec.vocab_size
        self.length = spec.length

    @abstractmethod
    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """`size` sequences; all randomness comes from `generator`."""

    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        """The sequences of this step's stream."""
        return self.draw(size, stream_of_training(self.name, seed, step))

    def test_batches(self, size: int) -> Iterator[Batch]:
        """The test set, the same for every `size`."""
        test = self._test_set
        for tokens, labels in zip(test.tokens.split(size), test.labels.split(size), strict=True):
            yield Batch(tokens, labels)

    @cached_property
    def _test_set(self) -> Batch:
        return self.draw(self.spec.test_size, stream_of_test(self.name))


def check_expected_labels(labels: float) -> None:
    """Refuse a test set that may have no label; for validators of specs.

    With FEWEST on average, a set without any is drawn less than once in 10,000 times.

    Raises:
        PydanticCustomError: the average is below FEWEST.
    """
    if labels < FEWEST:
        raise PydanticCustomError(
            "no_labels",
            "the test set would have {labels} labels on average, and may have none",
            {"labels": f"{labels:.2g}", "hint": "give it longer or more sequences, or less noise"},
        )


def labelled_at_the_end(tokens: Tensor, answers: Tensor) -> Batch:
    """A batch whose only label, answers (B,), stands at the last position of tokens (B, T)."""
    labels = torch.full_like(tokens, IGNORED)
    labels[:, -1] = answers
    return Batch(tokens, labels)
