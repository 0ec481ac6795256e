"""The cells of a report: one variant at one point of the axes, over its seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from seqzoo.errors import SpecError, did_you_mean
from seqzoo.grid.matched import Matched
from seqzoo.grid.tune.tuned import Chosen
from seqzoo.report.collect.place import VARIANT, key_of
from seqzoo.report.collect.results import Collection, Result
from seqzoo.report.statistics.summary import Summary, paired_difference, summarize

__all__ = ["Cell", "make_cells"]


@dataclass(frozen=True)
class Cell:
    """What the seeds of one variant at one point say together.

    Attributes:
        variant: its name, "" if the grid has no variants.
        point: axis path -> value.
        metric: which metric, "" if no run of the report has a record.
        higher_is_better: None where that is not known.
        target: the metric at which its runs stop early, None if they do not or this is another.
        max_steps: optimizer steps a run has at most.
        planned: runs, one a seed.
        missing: runs without a record that have not failed: to do, or being done.
        failed: runs that failed or diverged; their metrics count nowhere.
        values: seed -> metric at the last evaluation.
        summary: of the values, None without any.
        is_base: others are compared with this cell.
        difference: of the values to its base's, paired by seed; None for the base itself.
        reached: the steps at which runs first met the target, one for each that did.
        steps: mean of the steps done.
        parameters: of the model.
        state_size: elements carried a sequence at the task's length.
        tokens_per_s: mean training throughput.
        matched: how its budget was brought to the base's, None if it was not asked for.
        chosen: how its values were chosen, None where nothing was tuned, or not yet.
    """

    variant: str
    point: Mapping[str, Any]
    metric: str
    higher_is_better: bool | None
    target: float | None
    max_steps: int
    planned: int
    missing: int
    failed: int
    values: Mapping[int, float]
    summary: Summary | None
    is_base: bool
    difference: Summary | None
    reached: tuple[int, ...]
    steps: float | None
    parameters: int | None
    state_size: int | None
    tokens_per_s: float | None
    matched: Matched | None = None
    chosen: Chosen | None = None

    @property
    def n(self) -> int:
        """Runs that are done and have the metric."""
        return len(self.values)

    @property
    def reached_at(self) -> float | None:
        """Mean step at which the runs that met the target first met it."""
        return math.fsum(self.reached) / len(self.reached) if self.reached else None


def make_cells(collection: Collection, metric: str | None = None) -> list[Cell]:
    """The cells in the plan's order.

    Args:
        metric: any metric of the records; None for the one each task names its own.

    Raises:
        SpecError: no record has a metric of this name.
    """
    if metric is not None:
        _refuse_unknown(collection.results, metric)
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in collection.results:
        groups.setdefault(result.cell, []).append(result)
    owns = _own_metrics(collection.results)
    cells = {
        key: _cell(group, metric or owns.get(key[1], owns.get("", "")), metric)
        for key, group in groups.items()
    }
    return [_compared(cell, _base_of(collection, cells, cell)) for cell in cells.values()]


def _compared(cell: Cell, base: Cell | None) -> Cell:
    if base is cell:
        return replace(cell, is_base=True)
    if base is None or base.metric != cell.metric:
        return cell
    return replace(cell, difference=paired_difference(cell.values, base.values))


def _base_of(
    collection: Collection, cells: Mapping[tuple[str, str], Cell], cell: Cell
) -> Cell | None:
    """The cell to compare with, itself if it is a base."""
    if not collection.base:
        return None
    if collection.against == VARIANT:
        return cells.get((collection.base, key_of(cell.point)))
    return cells.get((cell.variant, key_of({**cell.point, collection.against: collection.base})))


def _own_metrics(results: Iterable[Result]) -> dict[str, str]:
    """Point -> its task's metric, for cells that have no record to tell; "" -> any."""
    owns: dict[str, str] = {}
    for result in results:
        if result.record is not None:
            owns.setdefault(result.cell[1], result.record.metric.name)
            owns.setdefault("", result.record.metric.name)
    return owns


def _refuse_unknown(results: Iterable[Result], metric: str) -> None:
    known = {name for result in results if result.record for name in result.record.metrics}
    if metric not in known:
        raise SpecError(f"no record here has a metric '{metric}'; {did_you_mean(metric, known)}")


def _cell(group: list[Result], fallback: str, asked: str | None) -> Cell:
    done = {
        result.seed: result.record
        for result in group
        if result.state == "done" and result.record is not None
    }
    records = list(done.values())
    own = records[0].metric if records else None
    name = asked or (own.name if own else fallback)
    values = {seed: record.metrics[name] for seed, record in done.items() if name in record.metrics}
    is_own = own is None or own.name == name
    return Cell(
        variant=group[0].variant,
        point=group[0].point,
        metric=name,
        higher_is_better=own.higher_is_better if own and is_own else None,
        target=group[0].target if is_own else None,
        max_steps=group[0].max_steps,
        planned=len(group),
        missing=sum(result.state == "missing" for result in group),
        failed=sum(result.state == "failed" for result in group),
        values=values,
        summary=summarize(list(values.values())),
        is_base=False,
        difference=None,
        reached=tuple(record.reached_at for record in records if record.reached_at is not None),
        steps=_mean([record.steps for record in records]),
        parameters=records[0].parameters if records else None,
        state_size=records[0].state_size if records else None,
        tokens_per_s=_mean([record.timings.tokens_per_s for record in records]),
        matched=group[0].matched,
        chosen=next((result.chosen for result in group if result.chosen), None),
    )


def _mean(values: list[int] | list[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
