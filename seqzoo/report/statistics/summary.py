"""Mean, spread and bootstrap intervals over seeds, and differences paired by seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONFIDENCE", "RESAMPLES", "Summary", "paired_difference", "summarize"]

CONFIDENCE = 0.95
RESAMPLES = 9999
SEED = 0  # a report of the same records says the same


@dataclass(frozen=True)
class Summary:
    """A few numbers in short.

    Attributes:
        values: the numbers, at least 1.
        n: how many there are.
        mean: their mean.
        sd: sample standard deviation (divided by n - 1), None for one number alone.
        minimum: the smallest.
        maximum: the largest.
    """

    values: tuple[float, ...]
    n: int
    mean: float
    sd: float | None
    minimum: float
    maximum: float

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """The bootstrap 95 % interval of the mean, None for one number alone.

        Percentile method: the quantiles of the means of 9,999 resamples drawn with replacement.
        With few numbers it is too short; of two it is what lies between them.
        """
        if self.n == 1:
            return None
        means = _weights(self.n) @ np.asarray(self.values, dtype=np.float64)
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile(means, (tail, 1 - tail), overwrite_input=True)
        return float(low), float(high)


@lru_cache(maxsize=4)  # a report has thousands of cells, of a few numbers of seeds
def _weights(n: int) -> NDArray[np.float64]:
    """Each of n numbers' share in the mean of each resample, (RESAMPLES, n)."""
    drawn = np.random.default_rng(SEED).integers(n, size=(n, RESAMPLES))
    counts = np.zeros((RESAMPLES, n))
    np.add.at(counts, (np.arange(RESAMPLES), drawn), 1)
    return counts / n


def summarize(values: Sequence[float]) -> Summary | None:
    """The summary of some numbers, None of no numbers."""
    n = len(values)
    if n == 0:
        return None
    mean = math.fsum(values) / n
    squares = math.fsum((value - mean) ** 2 for value in values)
    return Summary(
        values=tuple(values),
        n=n,
        mean=mean,
        sd=math.sqrt(squares / (n - 1)) if n > 1 else None,
        minimum=min(values),
        maximum=max(values),
    )


def paired_difference(values: Mapping[int, float], base: Mapping[int, float]) -> Summary | None:
    """`values - base` over the seeds that both have; None if they share none.

    Its interval resamples seeds, each with both its values, so what a seed does to both cancels.
    """
    return summarize([value - base[seed] for seed, value in values.items() if seed in base])
