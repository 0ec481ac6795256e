"""Mean and spread over seeds, and differences paired by seed. Plain Python, no arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Summary", "paired_difference", "summarize"]


@dataclass(frozen=True)
class Summary:
    """A few numbers in short.

    Attributes:
        n: how many there are, at least 1.
        mean: their mean.
        sd: sample standard deviation (divided by n - 1), None for one number alone.
        minimum: the smallest.
        maximum: the largest.
    """

    n: int
    mean: float
    sd: float | None
    minimum: float
    maximum: float


def summarize(values: Sequence[float]) -> Summary | None:
    """The summary of some numbers, None of no numbers."""
    n = len(values)
    if n == 0:
        return None
    mean = math.fsum(values) / n
    squares = math.fsum((value - mean) ** 2 for value in values)
    return Summary(
        n=n,
        mean=mean,
        sd=math.sqrt(squares / (n - 1)) if n > 1 else None,
        minimum=min(values),
        maximum=max(values),
    )


def paired_difference(values: Mapping[int, float], base: Mapping[int, float]) -> Summary | None:
    """`values - base` over the seeds that both have; None if they share none."""
    return summarize([value - base[seed] for seed, value in values.items() if seed in base])
