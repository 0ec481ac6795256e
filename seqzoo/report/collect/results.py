"""Runs and their records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from seqzoo.grid.distinct_labels import Labels
from seqzoo.grid.matched import Matched
from seqzoo.grid.tune.tuned import Chosen, Tried
from seqzoo.report.collect.place import key_of
from seqzoo.train import Record

__all__ = ["Collection", "Result"]


@dataclass(frozen=True)
class Result:
    """One run and its outcome.

    Attributes:
        run_id: hash of the resolved spec.
        directory: where the run leaves its files.
        spec: the resolved spec as plain data; empty for a single run without spec.yaml.
        variant: its variant, "" in a grid without variants and for a single run.
        point: axis path -> value.
        seed: its seed.
        max_steps: the most optimizer steps it may take.
        target: metric at which it stops early, or None.
        record: the record written when it ended, or None.
        error: the failure in one line, or None.
        matched: how its budget was matched to the base's, None if the grid does not match.
        tried: the trial it is, None for a run of the comparison.
        chosen: how its tuned values were chosen, None if nothing was tuned.
    """

    run_id: str
    directory: Path
    spec: Mapping[str, Any]
    variant: str
    point: Mapping[str, Any]
    seed: int
    max_steps: int
    target: float | None
    record: Record | None
    error: str | None
    matched: Matched | None = None
    tried: Tried | None = None
    chosen: Chosen | None = None

    @cached_property
    def cell(self) -> tuple[str, str]:
        """The identity of its cell: variant, and `key_of` the point."""
        return self.variant, key_of(self.point)

    @property
    def state(self) -> Literal["done", "failed", "missing"]:
        """A diverged run counts as failed, although it has a record."""
        if self.record is not None and self.record.status == "done":
            return "done"
        return "missing" if self.record is None and self.error is None else "failed"


@dataclass(frozen=True)
class Collection:
    """All runs of one directory, or of several that are compared.

    Attributes:
        name: the grid's or the run's.
        directories: where they were read from.
        against: the factor that has a base: `variant`, or one of the axes.
        base: the variant, or value of that axis, that others are compared with; "" if none.
        axes: paths of the axes, in order.
        results: the runs of the comparison, in the plan's order.
        trials: the runs of the tuning, in the order proposed; they enter no mean.
    """

    name: str
    directories: tuple[Path, ...]
    base: str
    axes: tuple[str, ...]
    results: tuple[Result, ...]
    against: str = "variant"
    trials: tuple[Result, ...] = ()

    @cached_property
    def labels(self) -> Labels:
        """Names for the values of the axes, for display only."""
        points = {result.cell[1]: result.point for result in (*self.results, *self.trials)}
        return Labels(points.values())

    @cached_property
    def runs(self) -> tuple[Result, ...]:
        """The results with each run once: cells may share runs, as in a union of grids."""
        distinct = {
            str(result.directory) if result.run_id else place: result
            for place, result in enumerate(self.results)
        }
        return tuple(distinct.values())
