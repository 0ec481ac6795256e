"""Statistics over several tasks: interquartile mean, probability of improvement, their intervals.

After Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice, 2021.
Scores are grouped by task because resampling is stratified: seeds are drawn within each task, and
tasks are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
    arrays = [np.asarray(own, dtype=np.float64) for own in scores]
    return Estimate(
        float(_trimmed(np.concatenate(arrays))),
        _interval([arrays], lambda drawn: _trimmed(np.concatenate(drawn[0], axis=-1))),
    )


def improvement(scores: Scores, base: Scores, *, higher_is_better: bool) -> Estimate:
    """The probability that a run beats a run of the base on a random task; ties count half.

    This is the mean over tasks of the normalised Mann-Whitney statistic.

    Args:
        scores: grouped by task.
        base: the base's, of the same tasks.
        higher_is_better: the direction of better.
    """
    sign = 1.0 if higher_is_better else -1.0
    own = [sign * np.asarray(each, dtype=np.float64) for each in scores]
    other = [sign * np.asarray(each, dtype=np.float64) for each in base]
    return Estimate(
        float(_better(own, other)),
        _interval([own, other], lambda drawn: _better(drawn[0], drawn[1])),
    )


def _trimmed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…, N) -> (…): the mean without the lowest and the highest quarter."""
    n = values.shape[-1]
    cut = n // 4
    return np.sort(values, axis=-1)[..., cut : n - cut].mean(axis=-1)


def _better(
    own: Sequence[NDArray[np.float64]], other: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Tasks of (…, seeds) each -> (…)."""
    shares = []
    for ours, theirs in zip(own, other, strict=True):
        pairs = ours[..., :, None] - theirs[..., None, :]
        shares.append(((pairs > 0) + 0.5 * (pairs == 0)).mean(axis=(-2, -1)))
    return np.mean(shares, axis=0)


def _interval(
    groups: Sequence[Sequence[NDArray[np.float64]]],
    statistic: Callable[[list[list[NDArray[np.float64]]]], NDArray[np.float64]],
) -> tuple[float, float] | None:
    """The percentile interval of a statistic; seeds are resampled within each task and group."""
    if all(len(task) < 2 for group in groups for task in group):
        return None
    rng = np.random.default_rng(SEED)
    drawn = [
        [task[rng.integers(len(task), size=(RESAMPLES, len(task)))] for task in group]
        for group in groups
    ]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(statistic(drawn), (tail, 1 - tail))
    return float(low), float(high)
