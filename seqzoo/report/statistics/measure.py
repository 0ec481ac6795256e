"""The quantity by which cells are compared: the metric, or the steps to a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from seqzoo.report.statistics.summary import Summary, paired_difference, summarize

__all__ = ["Difference", "Measure", "difference_of"]


@dataclass(frozen=True)
class Measure:
    """One number per run.

    Runs that stop at a target all end with about the same metric, so they are compared by the step
    at which they met it. A run that never met it is censored: its value is its last step, and the
    true one is larger.

    Attributes:
        name: `accuracy`, or `steps to accuracy 0.9`; only equal names are compared.
        higher_is_better: None if it is not known.
        values: seed -> number.
        censored: the seeds whose value is a lower bound.
    """

    name: str
    higher_is_better: bool | None
    values: Mapping[int, float]
    censored: frozenset[int] = frozenset()

    @cached_property
    def summary(self) -> Summary | None:
        """The summary of the values, None without any; a lower bound if a seed is censored."""
        return summarize(list(self.values.values()))


@dataclass(frozen=True)
class Difference:
    """The values of a cell minus those of its base, paired by seed.

    Attributes:
        summary: the summary of the differences.
        is_low: a value of the cell is censored, so the true mean is larger.
        is_high: a value of the base is censored, so the true mean is smaller.
    """

    summary: Summary
    is_low: bool = False
    is_high: bool = False

    @property
    def sign(self) -> str:
        """`≥` or `≤` if the mean is a bound, `~` if both sides are censored, "" if it is exact."""
        if self.is_low and self.is_high:
            return "~"
        return "≥" if self.is_low else "≤" if self.is_high else ""


def difference_of(measure: Measure, base: Measure) -> Difference | None:
    """The difference over shared seeds; None if there are none, or if the measures differ.

    A censored value counts as its last step, so a pair with both values censored contributes 0.
    """
    if measure.name != base.name:
        return None
    summary = paired_difference(measure.values, base.values)
    if summary is None:
        return None
    shared = measure.values.keys() & base.values.keys()
    return Difference(
        summary,
        is_low=not shared.isdisjoint(measure.censored),
        is_high=not shared.isdisjoint(base.censored),
    )
