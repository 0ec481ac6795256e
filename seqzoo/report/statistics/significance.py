"""Paired tests, correction for multiple comparisons, and the number of seeds needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVEL", "MOST_SEEDS", "holm", "least_p", "seeds_needed", "sign_flip_p"]

EXACT = 14  # pairs of which all 2 ** n signs are tried
FLIPS = 9999
CHUNK = 1000  # flips at a time
LEVEL, POWER = 0.05, 0.8
MOST_SEEDS = 1000  # more is as good as never


def sign_flip_p(differences: Sequence[float]) -> float:
    """The two-sided p-value of paired differences, by a sign-flip test of their mean.

    Under the null hypothesis a difference is equally likely with either sign. All signs are tried
    for up to 14 pairs, and 9,999 random ones for more. Normality is not assumed.

    >>> sign_flip_p([0.1, 0.2, 0.3])
    0.25
    """
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    if n <= EXACT:
        bits = np.arange(2**n)[:, None] >> np.arange(n)[None, :] & 1
        sums = (1.0 - 2.0 * bits) @ values
        extra = 0
    else:
        rng = np.random.default_rng(0)
        parts = (min(CHUNK, FLIPS - start) for start in range(0, FLIPS, CHUNK))
        sums = np.concatenate([_flipped(values, part, rng) for part in parts])
        extra = 1  # the signs as they are
    found = abs(values.sum())
    slack = 1e-12 * np.abs(values).sum()
    return (int((np.abs(sums) >= found - slack).sum()) + extra) / (len(sums) + extra)


def _flipped(
    values: NDArray[np.float64], count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The sums of the values under `count` draws of random signs."""
    n = len(values)
    drawn = np.frombuffer(rng.bytes(count * (n // 8 + 1)), dtype=np.uint8).reshape(count, -1)
    return values.sum() - 2.0 * (np.unpackbits(drawn, axis=1, count=n).astype(np.float64) @ values)


def least_p(pairs: int) -> float:
    """The smallest p-value that `pairs` pairs can give."""
    return 2.0 ** (1 - pairs) if pairs <= EXACT else 1 / (FLIPS + 1)


def holm(values: Sequence[float]) -> list[float]:
    """Correct p-values for multiple comparisons by Holm's step-down method.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected = [0.0] * len(values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=lambda index: values[index])):
        largest = max(largest, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = largest
    return corrected


def seeds_needed(differences: Sequence[Sequence[float]]) -> int | None:
    """The seeds per task that a paired t-test at 5 % needs for a power of 80 %.

    Normal approximation with the usual correction for small samples. The spread is estimated from
    few seeds, so this is an order of magnitude.

    Args:
        differences: paired differences, grouped by task.

    Returns:
        At most `MOST_SEEDS`; None if no task has two seeds or the mean difference is zero.
    """
    tasks = len(differences)
    freedom = sum(len(own) - 1 for own in differences)
    if freedom < 1:
        return None
    means = [math.fsum(own) / len(own) for own in differences]
    mean = math.fsum(means) / tasks
    squares = math.fsum(
        (value - own_mean) ** 2
        for own, own_mean in zip(differences, means, strict=True)
        for value in own
    )
    if mean == 0:
        return None
    normal = NormalDist()
    critical = normal.inv_cdf(1 - LEVEL / 2)
    effect = (critical + normal.inv_cdf(POWER)) ** 2 * (squares / freedom) / mean**2
    needed = (effect + critical**2 / 2) / tasks
    return max(2, math.ceil(min(needed, MOST_SEEDS)))
