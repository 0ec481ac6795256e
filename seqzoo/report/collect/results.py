"""Runs and their records, as a report reads them."""

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
    """One run and what became of it.

    Attributes:
        run_id: hash of the resolved spec.
        directory: where the run leaves its files.
        spec: the resolved spec, as plain data; empty for a run alone that has lost its spec.yaml.
        variant: its variant, "" if the grid has none, or for a run alone.
        point: axis path -> value.
        seed: its seed.
        max_steps: optimizer steps it has at most.
        target: metric at which it stops early, or None.
        record: what it left when it ended, or None.
        error: one line on the failure, or None.
        matched: how its budget was brought to the base's, None if it was not asked for.
        tried: whose trial it is, None for a run of the comparison.
        chosen: how its values were chosen, None where nothing was tuned.
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
        """What it shares with its cell's runs and no others: variant, and `key_of` the point."""
        return self.variant, key_of(self.point)

    @property
    def state(self) -> Literal["done", "failed", "missing"]:
        """A run that diverged has failed, though it has a record."""
        if self.record is not None and self.record.status == "done":
            return "done"
        return "missing" if self.record is None and self.error is None else "failed"


@dataclass(frozen=True)
class Collection:
    """All runs of a directory, or of several that are compared.

    Attributes:
        name: the grid's or the run's.
        directories: where they were read.
        against: along what cells are compared with a base: `variant`, or one of the axes.
        base: the variant, or value of that axis, to compare with; "" if there is none.
        axes: paths of the axes, in order.
        results: of the comparison, in the plan's order.
        trials: that values were tuned with, in the order proposed; they are in no mean.
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
        """What the values of its axes are called; for people, never to tell cells apart by."""
        points = {result.cell[1]: result.point for result in (*self.results, *self.trials)}
        return Labels(points.values())

    @cached_property
    def runs(self) -> tuple[Result, ...]:
        """The results, each run once: cells may share runs, as in a union of grids."""
        distinct = {
            str(result.directory) if result.run_id else place: result
            for place, result in enumerate(self.results)
        }
        return tuple(distinct.values())
