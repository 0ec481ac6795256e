"""The cells of a grid that are tuned, and the runs made of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seqzoo.grid.expand.checking import Checked, Checker
from seqzoo.grid.expand.combinations import Cell
from seqzoo.grid.labels import point_label
from seqzoo.grid.plan.expansion import Expansion
from seqzoo.grid.plan.plan import PlanRow
from seqzoo.grid.tune.tuned import PlannedStudy
from seqzoo.spec import PartSpec
from seqzoo.spec.delta import split_path
from seqzoo.spec.run import RunSpec, run_id_of

__all__ = ["TunedCell", "cell_key", "tuned_cells"]


def cell_key(variant: str, point: Mapping[str, Any]) -> Hashable:
    """The identity of a cell, whatever the order of its axes."""
    return variant, repr(sorted(point.items()))


@dataclass(frozen=True)
class TunedCell:
    """A cell to tune.

    Attributes:
        study: its entry in the plan.
        checked: the cell.
        spec: its run with the values as written.
        checker: makes its other runs.
        metrics: task -> name of its metric, and whether more of it is better; all cells share it,
            since some tasks read a file to be made.
    """

    study: PlannedStudy
    checked: Checked
    spec: RunSpec
    checker: Checker
    metrics: dict[PartSpec, tuple[str, bool]]

    @property
    def metric(self) -> tuple[str, bool]:
        """The name of the task's metric, and whether more of it is better."""
        task = self.spec.task
        if task not in self.metrics:
            metric = task.build().metric
            self.metrics[task] = (metric.name, metric.higher_is_better)
        return self.metrics[task]

    def run_with(self, values: Mapping[str, Any], seed: int) -> RunSpec | None:
        """The run with values at paths, beside the size that was matched; None if it is none."""
        placed = {split_path(path): value for path, value in values.items()}
        matched = self.checked.matched
        if matched is not None and matched.path is not None:
            placed = {split_path(matched.path): matched.value, **placed}
        spec = self.checker.run_with(self.checked.cell, placed)
        return None if spec is None else spec.model_copy(update={"seed": seed})

    def row(self, spec: RunSpec, **what: Any) -> PlanRow:
        """The plan's row of one of its runs: `tried`, or `chosen`."""
        return PlanRow(
            run_id=spec.run_id,
            variant=self.study.variant,
            point=self.study.point,
            seed=spec.seed,
            spec=spec.resolved(),
            dropped=self.checked.cell.dropped,
            matched=self.checked.matched,
            **what,
        )


def tuned_cells(expansion: Expansion, seed: int | None) -> Iterator[TunedCell]:
    """Each cell once, with the seeds of all grids of a union that have it.

    Args:
        expansion: of the whole grid.
        seed: of the trials; None for the first of a cell's own.
    """
    metrics: dict[PartSpec, tuple[str, bool]] = {}
    seeds: dict[Hashable, dict[int, None]] = {}
    for run in expansion.runs:
        seeds.setdefault(cell_key(run.variant, run.point), {})[run.seed] = None
    for each, paths in zip(expansion.cells, expansion.tuned, strict=True):
        cell, spec = each.cell, each.spec
        own = seeds.pop(cell_key(cell.variant, cell.point), None)
        if own is None or spec is None or not paths:
            continue
        tried = next(iter(own)) if seed is None else seed
        resolved = spec.model_copy(update={"seed": tried}).resolved()
        study = PlannedStudy(
            name=_study_name(cell, resolved),
            variant=cell.variant,
            point=dict(cell.point),
            paths=paths,
            seed=tried,
            seeds=tuple(own),
            spec=resolved,
        )
        yield TunedCell(study, each, spec, expansion.checker, metrics)


def _study_name(cell: Cell, resolved: Mapping[str, Any]) -> str:
    """A name that stays when cells are added or the axes reordered: a plan's trials refer to it."""
    point = dict(sorted(cell.point.items()))
    label = ", ".join(word for word in (cell.variant, point_label(point)) if word)
    identity = run_id_of({**resolved, "variant": cell.variant, "point": point})
    return f"{label} ({identity})".lstrip()
