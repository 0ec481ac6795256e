"""Statistics over several tasks: interquartile mean, probability of improvement, their intervals.

After Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice, 2021.
Scores are grouped by task because resampling is stratified: seeds are drawn within each task, and
tasks are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from seqzoo.report.statistics.summary import CONFIDENCE

__all__ = ["Estimate", "improvement", "interquartile_mean"]

RESAMPLES = 2000
SEED = 0  # a report of the same records says the same

Scores = Sequence[Sequence[float]]  # task by task, each its seeds'


@dataclass(frozen=True)
class Estimate:
    """A number with its bootstrap 95 % interval, which is None if no task has two seeds."""

    value: float
    interval: tuple[float, float] | None


def interquartile_mean(scores: Scores) -> Estimate:
    """The mean of the middle half of all scores: a quarter is trimmed at either end.

    For fewer than four scores it is the mean.
    """
    values = np.concatenate([np.asarray(own, dtype=np.float64) for own in scores])
    order = np.argsort(values, kind="stable")
    drawn = _drawn(tuple(len(own) for own in scores), SEED)
    interval = None
    if drawn is not None:
        counts = np.concatenate(drawn, axis=-1)[:, order]
        interval = _percentiles(_trimmed(values[order], counts))
    once = np.ones((1, len(values)), dtype=np.int32)
    return Estimate(float(_trimmed(values[order], once)[0]), interval)


def improvement(scores: Scores, base: Scores, *, higher_is_better: bool) -> Estimate:
    """The probability that a run beats a run of the base on a random task; ties count half.

    This is the mean over tasks of the normalised Mann-Whitney statistic.

    Args:
        scores: grouped by task.
        base: the base's, of the same tasks.
        higher_is_better: the direction of better.
    """
    wins = [
        _wins(own, other) if higher_is_better else _wins(other, own).T
        for own, other in zip(scores, base, strict=True)
    ]
    ours = _drawn(tuple(len(own) for own in scores), SEED)
    theirs = _drawn(tuple(len(own) for own in base), SEED + 1)
    interval = None
    if ours is not None or theirs is not None:
        ours = ours or [np.ones((RESAMPLES, len(own)), dtype=np.int32) for own in scores]
        theirs = theirs or [np.ones((RESAMPLES, len(own)), dtype=np.int32) for own in base]
        shares = [
            ((one @ won) * other).sum(axis=-1) / won.size
            for one, won, other in zip(ours, wins, theirs, strict=True)
        ]
        interval = _percentiles(np.mean(shares, axis=0))
    return Estimate(float(np.mean([won.mean() for won in wins])), interval)


def _wins(own: Sequence[float], other: Sequence[float]) -> NDArray[np.float64]:
    """(own, other): 1 where the first is larger, 1/2 where both are equal."""
    pairs = np.subtract.outer(np.asarray(own), np.asarray(other))
    return (pairs > 0) + 0.5 * (pairs == 0)


def _trimmed(values: NDArray[np.float64], counts: NDArray[np.int32]) -> NDArray[np.float64]:
    """The interquartile means of resamples.

    Args:
        values: (N,), increasing.
        counts: (…, N), how often each value was drawn, N in all.
    """
    n = len(values)
    cut = n // 4
    ends = np.cumsum(counts, axis=-1)
    kept = np.minimum(ends, n - cut) - np.maximum(ends - counts, cut)
    return np.maximum(kept, 0) @ values / (n - 2 * cut)


@lru_cache(maxsize=4)  # variants have the same numbers of seeds
def _drawn(sizes: tuple[int, ...], seed: int) -> list[NDArray[np.int32]] | None:
    """How often each seed of each task is drawn, (RESAMPLES, size) each; None for single seeds."""
    if max(sizes) < 2:
        return None
    rng = np.random.default_rng(seed)
    return [
        rng.multinomial(size, np.full(size, 1 / size), size=RESAMPLES).astype(np.int32)
        for size in sizes
    ]


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, (tail, 1 - tail))
    return float(low), float(high)
