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
    """Summary statistics of a few numbers.

    Attributes:
        values: the numbers, at least 1.
        n: their count.
        mean: their mean.
        sd: sample standard deviation (n - 1), None for a single number.
        minimum: the smallest number.
        maximum: the largest number.
    """

    values: tuple[float, ...]
    n: int
    mean: float
    sd: float | None
    minimum: float
    maximum: float

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """The bootstrap 95 % interval of the mean, None for a single number.

        Percentile method: quantiles of the means of 9,999 resamples with replacement. It is too
        short for few numbers; for two it is the range between them.
        """
        if self.n == 1:
            return None
        means = _weights(self.n) @ np.asarray(self.values, dtype=np.float64)
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile(means, (tail, 1 - tail), overwrite_input=True)
        return float(low), float(high)


@lru_cache(maxsize=4)  # a report has thousands of cells, of a few numbers of seeds
def _weights(n: int) -> NDArray[np.float64]:
    """The weight of each of n numbers in the mean of each resample, (RESAMPLES, n)."""
    drawn = np.random.default_rng(SEED).integers(n, size=(n, RESAMPLES))
    counts = np.zeros((RESAMPLES, n))
    np.add.at(counts, (np.arange(RESAMPLES), drawn), 1)
    return counts / n


def summarize(values: Sequence[float]) -> Summary | None:
    """Summarise numbers; None if there are none."""
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
    """Summarise `values - base` over shared seeds; None if there are none.

    The interval resamples pairs, so what a seed does to both sides cancels.
    """
    return summarize([value - base[seed] for seed, value in values.items() if seed in base])
