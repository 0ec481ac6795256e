"""The cells of a report: one variant at one point, summarised over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from seqzoo.errors import SpecError, did_you_mean
from seqzoo.grid.matched import Matched
from seqzoo.grid.tune.tuned import Chosen
from seqzoo.report.collect.place import VARIANT, key_of
from seqzoo.report.collect.results import Collection, Result
from seqzoo.report.statistics.measure import Difference, Measure, difference_of
from seqzoo.report.statistics.reference import reference_places
from seqzoo.report.statistics.summary import Summary, summarize
from seqzoo.train import Record
from seqzoo.train.machine_load import is_shared

__all__ = ["Cell", "CellKey", "make_cells", "own_cells"]

CellKey = tuple[str, str]  # variant, and key of a point


@dataclass(frozen=True)
class Cell:
    """The runs of one variant at one point, summarised over seeds.

    A cell that lacks an axis others have appears once for each place it is compared at, as a
    reference; these copies differ only in `at` and in the comparison.

    Attributes:
        variant: its name, "" if the grid has no variants.
        point: axis path -> value, without axes that its parts do not have.
        at: the values of those axes that this copy is compared at; empty for most cells.
        metric: its name, "" if no run of the report has a record.
        higher_is_better: the direction of the metric, None if it is not known.
        chance: the metric of guessing, None if it is not known.
        target: the metric at which its runs stop early, None if they do not, or for another metric.
        max_steps: the most optimizer steps of a run.
        planned: the number of runs, one per seed.
        missing: runs that are neither done nor failed.
        failed: runs that failed or diverged; their metrics are not used.
        values: seed -> metric at the last evaluation.
        summary: the summary of the values, None if there are none.
        measure: what it is compared by: the steps to the target if there is one and some run at
            this place met it, otherwise the metric.
        is_base: whether others are compared with this cell.
        base: the key of the cell it is compared with, None if there is none.
        difference: its measure minus its base's, paired by seed; None for the base itself.
        reached: the steps at which runs first met the target, of those that did.
        steps: the mean of the steps taken.
        parameters: the model's, minimum and maximum over seeds; None without a record.
        state_size: elements carried per sequence at the task's length, likewise.
        speed: training tokens per second, over the seeds.
        shared: whether other processes took cores of the machine from some seed's run.
        matched: how its budget was matched to the base's, None if the grid does not match.
        chosen: how its tuned values were chosen, None if nothing was tuned, or not yet.
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
    measure: Measure
    is_base: bool = False
    base: CellKey | None = None
    difference: Difference | None = None
    reached: tuple[int, ...] = ()
    steps: float | None = None
    parameters: tuple[int, int] | None = None
    state_size: tuple[int, int] | None = None
    speed: Summary | None = None
    shared: bool = False
    chance: float | None = None
    matched: Matched | None = None
    chosen: Chosen | None = None
    at: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """The number of finished runs that have the metric."""
        return len(self.values)

    @property
    def of_metric(self) -> Measure:
        """Its metric as the measure, whatever it is compared by."""
        return Measure(self.metric, self.higher_is_better, self.values)

    @property
    def is_complete(self) -> bool:
        """Whether all its runs are done and have the metric."""
        return self.n == self.planned

    @property
    def key(self) -> CellKey:
        """Its identity: the `Result.cell` of its runs."""
        return self.variant, key_of(self.point)

    @property
    def standing(self) -> Mapping[str, Any]:
        """Its point, completed by the place that it is compared at."""
        return {**self.point, **self.at}

    @property
    def reached_at(self) -> float | None:
        """The mean step at which runs first met the target, over those that did."""
        return math.fsum(self.reached) / len(self.reached) if self.reached else None


def make_cells(collection: Collection, metric: str | None = None) -> list[Cell]:
    """Make the cells, in the plan's order.

    Args:
        collection: the runs.
        metric: any metric of the records; None for each task's own.

    Raises:
        SpecError: no record has a metric of this name.
    """
    if metric is not None:
        _refuse_unknown(collection.results, metric)
    groups: dict[CellKey, list[Result]] = {}
    for result in collection.results:
        groups.setdefault(result.cell, []).append(result)
    owns = _own_metrics(collection.results)
    places = reference_places(group[0].point for group in groups.values())
    cells: dict[CellKey, Cell] = {}
    for key, group in groups.items():
        cell = _cell(group, metric or owns.get(key[1], owns.get("", "")), metric)
        copies = [replace(cell, at=at) for at in places[key[1]]]
        # A variant that has runs of its own at a place is not its own reference there.
        free = [c for c in copies if not c.at or (c.variant, key_of(c.standing)) not in groups]
        for copy in free or [cell]:
            cells[copy.variant, key_of(copy.standing)] = copy
    cells = _measured_alike(collection, cells)
    return [_compared(cell, _base_of(collection, cells, cell)) for cell in cells.values()]


def _measured_alike(collection: Collection, cells: Mapping[CellKey, Cell]) -> dict[CellKey, Cell]:
    """Compare metrics, not steps, where no run met its target: all had the same steps."""

    def place_of(cell: Cell) -> str:
        others = {a: value for a, value in cell.standing.items() if a != collection.against}
        return key_of(others)

    met = {place_of(cell) for cell in cells.values() if cell.reached}
    return {
        key: cell
        if cell.target is None or place_of(cell) in met
        else replace(cell, measure=cell.of_metric)
        for key, cell in cells.items()
    }


def own_cells(cells: Iterable[Cell]) -> list[Cell]:
    """Each cell once, without the copies of references."""
    own: dict[CellKey, Cell] = {}
    for cell in cells:
        own.setdefault(cell.key, cell)
    return list(own.values())


def _compared(cell: Cell, base: Cell | None) -> Cell:
    if base is cell:
        return replace(cell, is_base=True, base=cell.key)
    if base is None:
        return cell
    return replace(cell, base=base.key, difference=difference_of(cell.measure, base.measure))


def _base_of(collection: Collection, cells: Mapping[CellKey, Cell], cell: Cell) -> Cell | None:
    """The cell that a cell is compared with, itself if it is a base."""
    if not collection.base:
        return None
    if collection.against == VARIANT:
        return cells.get((collection.base, key_of(cell.standing)))
    point = {**cell.standing, collection.against: collection.base}
    return cells.get((cell.variant, key_of(point)))


def _own_metrics(results: Iterable[Result]) -> dict[str, str]:
    """The task's metric at each point, for cells without a record; under "" any metric."""
    owns: dict[str, str] = {}
    for result in results:
        if result.record is not None:
            owns.setdefault(result.cell[1], result.record.metric.name)
            owns.setdefault("", result.record.metric.name)
    return owns


def _refuse_unknown(results: Iterable[Result], metric: str) -> None:
    known = {name for result in results if result.record for name in result.record.metrics}
    if not known:
        raise SpecError(f"no run has finished yet, so none has a metric '{metric}'")
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
    higher_is_better = own.higher_is_better if own and is_own else None
    target = group[0].target if is_own else None
    return Cell(
        variant=group[0].variant,
        point=group[0].point,
        metric=name,
        higher_is_better=higher_is_better,
        chance=own.chance if own and is_own else None,
        target=target,
        max_steps=group[0].max_steps,
        planned=len(group),
        missing=sum(result.state == "missing" for result in group),
        failed=sum(result.state == "failed" for result in group),
        values=values,
        summary=summarize(list(values.values())),
        measure=Measure(name, higher_is_better, values)
        if target is None
        else _steps_to(target, name, done),
        reached=tuple(record.reached_at for record in records if record.reached_at is not None),
        steps=_mean([record.steps for record in records]),
        parameters=_range([record.parameters for record in records]),
        state_size=_range(
            [record.state_size for record in records if record.state_size is not None]
        ),
        speed=summarize([record.timings.tokens_per_s for record in records]),
        shared=any(
            is_shared(record.timings.others, record.device.threads, record.device.cores)
            for record in records
        ),
        matched=group[0].matched,
        chosen=next((result.chosen for result in group if result.chosen), None),
    )


def _steps_to(target: float, metric: str, records: Mapping[int, Record]) -> Measure:
    return Measure(
        name=f"steps to {metric} {target:g}",
        higher_is_better=False,
        values={
            seed: float(record.steps if record.reached_at is None else record.reached_at)
            for seed, record in records.items()
        },
        censored=frozenset(seed for seed, record in records.items() if record.reached_at is None),
    )


def _mean(values: Sequence[int]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _range(values: Sequence[int]) -> tuple[int, int] | None:
    return (min(values), max(values)) if values else None
