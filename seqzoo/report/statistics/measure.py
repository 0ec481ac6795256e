"""What the cells of a report are compared by: the metric, or the steps to a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from seqzoo.report.statistics.summary import Summary, paired_difference, summarize

__all__ = ["Difference", "Measure", "difference_of"]


@dataclass(frozen=True)
class Measure:
    """One number a run.

    Runs that stop at a target all end with about the same metric, so what tells them apart is the
    step at which they met it. A run that did not meet it is censored: its value is its last step,
    and the true one is larger.

    Attributes:
        name: `accuracy`, or `steps to accuracy 0.9`; cells are compared where this is the same.
        higher_is_better: None where that is not known.
        values: seed -> number.
        censored: the seeds whose number is a lower bound.
    """

    name: str
    higher_is_better: bool | None
    values: Mapping[int, float]
    censored: frozenset[int] = frozenset()

    @cached_property
    def summary(self) -> Summary | None:
        """Of the values, None without any; its mean is a lower bound where a seed is censored."""
        return summarize(list(self.values.values()))


@dataclass(frozen=True)
class Difference:
    """A cell's values minus its base's, paired by seed.

    Attributes:
        summary: of the differences.
        is_low: a value of the cell's is censored, so the true mean is larger than this one.
        is_high: a value of the base's is censored, so it is smaller.
    """

    summary: Summary
    is_low: bool = False
    is_high: bool = False

    @property
    def sign(self) -> str:
        """`≥` or `≤` where the mean is a bound, `~` where it is neither, "" where it is exact."""
        if self.is_low and self.is_high:
            return "~"
        return "≥" if self.is_low else "≤" if self.is_high else ""


def difference_of(measure: Measure, base: Measure) -> Difference | None:
    """The difference over the seeds that both have; None where they share none or differ in kind.

    Censored values count as the last step that was done, so a pair of which both are censored says
    0, and the difference is marked as neither bound.
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
