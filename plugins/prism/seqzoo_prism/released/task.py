"""What the released generators share: their sizes, their ceilings and the published accuracies."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from pydantic import PositiveInt, field_validator
from torch import Tensor

from seqzoo.tasks.placing import place
from seqzoo.tasks.synthetic import SyntheticSpec, SyntheticTask
from seqzoo.tasks.task import Metric
from seqzoo.tasks.vocabulary import Range

__all__ = ["Published", "ReleasedSpec", "ReleasedTask", "ids", "place_burst"]


class Published(NamedTuple):
    """Accuracies of one row of Table 4 (arXiv 2602.10796 v2)."""

    transformer: float
    linear_attention: float
    mom: float
    prism: float

    def __str__(self) -> str:
        return (
            f"Transformer {self.transformer:.2f}, linear attention {self.linear_attention:.2f}, "
            f"MoM {self.mom:.2f}, PRISM {self.prism:.2f}"
        )


class ReleasedSpec(SyntheticSpec):
    """Settings of every released task: its sizes. The defaults are those of Table 4.

    Attributes:
        least_length: the shortest sequence that the generator can draw.
        least_vocabulary: the smallest vocabulary that it can draw from.
    """

    least_length: ClassVar[int]
    least_vocabulary: ClassVar[int]

    test_size: PositiveInt = 8000

    @field_validator("length")
    @classmethod
    def _generator_fits(cls, length: int) -> int:
        if length < cls.least_length:
            raise ValueError(
                f"{cls.part.name} needs a length of at least {cls.least_length} to place its "
                f"tokens, got {length}"
            )
        return length

    @field_validator("vocab_size")
    @classmethod
    def _vocabulary_holds_all(cls, vocab_size: int) -> int:
        if vocab_size < cls.least_vocabulary:
            raise ValueError(
                f"{cls.part.name} needs a vocabulary of at least {cls.least_vocabulary}, "
                f"got {vocab_size}"
            )
        return vocab_size


class ReleasedTask(SyntheticTask):
    """One of the released generators, labelled at the last position only.

    Roles have no ids of their own: noise may repeat a key or a bit. So `vocabulary` names nothing.

    Attributes:
        ceiling: accuracy of the best simple rule at the default sizes, for models of any kind.
        rule: that rule, in words.
        published: what the paper reports for this task.
    """

    ceiling: ClassVar[float] = 1.0
    rule: ClassVar[str]
    published: ClassVar[Published]
    metric = Metric("accuracy", higher_is_better=True, chance=0.5)

    def notes(self) -> tuple[str, ...]:
        """The ceiling and the published accuracies, for `seqzoo tasks show`."""
        return (
            f"at the default sizes the best simple rule is right {self.ceiling:.2f} of the time: "
            f"{self.rule}",
            f"published (Table 4 of arXiv 2602.10796): {self.published}",
        )


def place_burst(tokens: Tensor, burst: Tensor, places: int, generator: torch.Generator) -> None:
    """Write a burst (B, n) into tokens (B, T), its start uniform in 0 ... places-1."""
    starts = torch.randint(0, places, (tokens.shape[0], 1), generator=generator)
    place(tokens, starts, burst.unsqueeze(1))


def ids(first: int, stop: int) -> Range:
    """Token ids first ... stop-1, to draw from."""
    return Range("", first, stop - first)
