"""Tuning: trials of each cell, then its comparison with the best values, as rows that a plan grows.

A plan with a sampler begins with its studies and no run. Whenever its processes have nothing left
to do, one of them lets the plan grow, under the ledger's lock: by the next trial of every study,
and by the comparison's runs of each study whose trials have ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from seqzoo.errors import RunError
from seqzoo.grid.checking import Checked
from seqzoo.grid.expand import PlannedRun, expanded
from seqzoo.grid.labels import point_label, shortened
from seqzoo.grid.ledger import State
from seqzoo.grid.plan import Plan, PlanRow, make_plan, run_directory
from seqzoo.grid.samplers import Sampler, Study, Trial
from seqzoo.grid.tuned import Chosen, PlannedStudy, Tried
from seqzoo.spec import Catalog, PartSpec
from seqzoo.spec.delta import split_path
from seqzoo.spec.grid import GridSpec
from seqzoo.spec.run import RunSpec, run_id_of
from seqzoo.train import read_record

__all__ = ["States", "Tuner", "cell_key", "make_tuner"]

States = Mapping[str, State]  # run id -> what the ledger says


@dataclass(frozen=True)
class _Cell:
    """A cell to tune: its study in the plan, and the cell itself."""

    study: PlannedStudy
    checked: Checked
    spec: RunSpec


def cell_key(variant: str, point: Mapping[str, Any]) -> Hashable:
    """What tells one cell from the others, whatever the order of its axes."""
    return variant, repr(sorted(point.items()))


def make_tuner(grid: GridSpec, catalog: Catalog) -> Tuner:
    """What tunes a grid that has a sampler.

    Raises:
        SpecError: the grid is wrong, or the sampler is not installed.
    """
    return Tuner(grid, catalog)


class Tuner:
    """Lets the plan of one grid grow."""

    def __init__(self, grid: GridSpec, catalog: Catalog) -> None:
        assert grid.sampler is not None
        self._grid = grid
        self.spec = cast("Sampler.Spec", grid.sampler)
        self._sampler: Sampler = self.spec.build()
        self._expansion = expanded(grid, catalog)
        self._cells = {cell.study.name: cell for cell in self._tuned_cells()}
        self._directions: dict[PartSpec, tuple[str, bool]] = {}
        self._measured: dict[str, float] = {}

    @property
    def written(self) -> tuple[PlannedRun, ...]:
        """The comparison's runs with the values as written, before anything is tuned."""
        return self._expansion.runs

    def plan(self, name: str) -> Plan:
        """The plan to begin with: studies, and the runs of cells in which nothing is tuned."""
        planned = make_plan(name, self._expansion.runs, self._grid.all_variants())
        studies = tuple(cell.study for cell in self._cells.values())
        tuned = {cell_key(study.variant, study.point) for study in studies}
        return planned.model_copy(
            update={
                "runs": tuple(
                    row for row in planned.runs if cell_key(row.variant, row.point) not in tuned
                ),
                "studies": studies,
                "sampler": self.spec.model_dump(mode="json"),
            }
        )

    def to_come(self, plan: Plan) -> int:
        """How many runs the plan has still to grow by, if every study has a trial that is done."""
        seeds = [seed for study in plan.studies for seed in study.seeds if seed != study.seed]
        own = {study.name: study.seed for study in plan.studies}
        planned = sum(
            row.tried is not None or (row.chosen is not None and row.seed != own[row.chosen.study])
            for row in plan.runs
        )
        return max(0, len(plan.studies) * self.spec.trials + len(seeds) - planned)

    def without_result(self, plan: Plan, states: States) -> list[PlannedStudy]:
        """The studies all of whose trials have failed: nothing of them can be compared."""
        failed = Counter(
            row.tried.study
            for row in plan.runs
            if row.tried is not None and states.get(row.run_id) == "failed"
        )
        return [study for study in plan.studies if failed[study.name] == self.spec.trials]

    def grow(self, plan: Plan, directory: Path, states: States, wanted: int) -> Plan:
        """The plan with what is to be done next; the same plan where nothing is.

        Args:
            plan: as it stands on disk.
            directory: the grid's.
            states: of all runs of the plan.
            wanted: trials that have a worker waiting.
        """
        trials: dict[str, list[PlanRow]] = {study.name: [] for study in plan.studies}
        chosen: dict[str, list[PlanRow]] = {study.name: [] for study in plan.studies}
        for row in plan.runs:
            if row.tried is not None:
                trials[row.tried.study].append(row)
            elif row.chosen is not None:
                chosen[row.chosen.study].append(row)
        rows: list[PlanRow] = []
        for name, cell in self._cells.items():
            rows += self._compared(cell, trials[name], chosen[name], directory, states)
        rows += self._tried(trials, directory, states, wanted)
        return plan.model_copy(update={"runs": (*plan.runs, *rows)}) if rows else plan

    def _tried(
        self, trials: dict[str, list[PlanRow]], directory: Path, states: States, wanted: int
    ) -> list[PlanRow]:
        """A trial for every study that has none open; for more waiting workers, more of them."""
        num_open = {name: self._open(trials[name], states) for name in self._cells}
        rows: list[PlanRow] = []
        while True:
            ready = [name for name in self._cells if len(trials[name]) < self.spec.trials]
            name = min(ready, key=lambda name: (num_open[name], len(trials[name])), default=None)
            if name is None or (num_open[name] > 0 and len(rows) >= wanted):
                return rows
            row = self._trial(self._cells[name], trials[name], directory, states)
            trials[name].append(row)
            rows.append(row)
            num_open[name] += 1

    def _open(self, rows: Sequence[PlanRow], states: States) -> int:
        return sum(states.get(row.run_id, "planned") in ("planned", "running") for row in rows)

    def _trial(
        self, cell: _Cell, before: Sequence[PlanRow], directory: Path, states: States
    ) -> PlanRow:
        """The next trial of a cell.

        Raises:
            RunError: the sampler's values are no run.
        """
        study = cell.study
        space = {path: self.spec.space[path] for path in study.paths}
        _, higher_is_better = self._direction(cell)
        past = tuple(self._past(row, directory, states) for row in before)
        values = dict(
            self._sampler.propose(Study(study.name, space, higher_is_better, past), directory)
        )
        spec = self._run(cell, values, study.seed)
        if spec is None or set(values) != set(study.paths):
            raise RunError(
                f"sampler '{self._sampler.name}' proposed {values} for '{study.name}', which is no "
                "run of its space"
            )
        tried = Tried(study=study.name, number=len(before), values=values)
        return self._row(cell, spec, tried=tried)

    def _past(self, row: PlanRow, directory: Path, states: States) -> Trial:
        assert row.tried is not None
        state = states.get(row.run_id, "planned")
        metric = self._metric(row, directory) if state == "done" else None
        ended = {"done": "failed" if metric is None else "done", "failed": "failed"}
        known: Any = ended.get(state, "open")
        return Trial(row.tried.number, row.tried.values, known, metric)

    def _metric(self, row: PlanRow, directory: Path) -> float | None:
        if row.run_id not in self._measured:
            record = read_record(run_directory(directory, row.run_id) / "record.json")
            value = record.metrics.get(record.metric.name)
            if record.status != "done" or value is None:
                return None
            self._measured[row.run_id] = value
        return self._measured[row.run_id]

    def _compared(
        self,
        cell: _Cell,
        trials: Sequence[PlanRow],
        chosen: Sequence[PlanRow],
        directory: Path,
        states: States,
    ) -> Iterator[PlanRow]:
        """The comparison's runs that a study whose trials have ended lacks."""
        there = {row.seed for row in chosen}
        if len(trials) < self.spec.trials or there >= set(cell.study.seeds):
            return
        choice = chosen[0].chosen if chosen else self._choice(cell, trials, directory, states)
        if choice is None:
            return
        for seed in cell.study.seeds:
            spec = self._run(cell, choice.values, seed)
            assert spec is not None, "its trial was a run"
            if seed not in there:
                yield self._row(cell, spec, chosen=choice)

    def _choice(
        self, cell: _Cell, trials: Sequence[PlanRow], directory: Path, states: States
    ) -> Chosen | None:
        """The best trial, of equals the first; None while one is open, or if none is done."""
        past = [self._past(row, directory, states) for row in trials]
        done = [trial for trial in past if trial.metric is not None]
        if any(trial.state == "open" for trial in past) or not done:
            return None
        metric, higher_is_better = self._direction(cell)
        sign = 1 if higher_is_better else -1
        best = max(done, key=lambda trial: sign * (trial.metric or 0.0))
        assert best.metric is not None
        return Chosen(
            study=cell.study.name,
            number=best.number,
            values=dict(best.values),
            trials=len(past),
            failed=len(past) - len(done),
            metric=metric,
            value=best.metric,
            seed=cell.study.seed,
        )

    def _row(self, cell: _Cell, spec: RunSpec, **what: Any) -> PlanRow:
        return PlanRow(
            run_id=spec.run_id,
            variant=cell.study.variant,
            point=cell.study.point,
            seed=spec.seed,
            spec=spec.resolved(),
            dropped=cell.checked.cell.dropped,
            matched=cell.checked.matched,
            **what,
        )

    def _run(self, cell: _Cell, values: Mapping[str, Any], seed: int) -> RunSpec | None:
        """The cell's run with values at paths, beside the size that was matched."""
        placed = {split_path(path): value for path, value in values.items()}
        matched = cell.checked.matched
        if matched is not None and matched.path is not None:
            placed = {split_path(matched.path): matched.value, **placed}
        spec = self._expansion.checker.run_with(cell.checked.cell, placed)
        return None if spec is None else spec.model_copy(update={"seed": seed})

    def _direction(self, cell: _Cell) -> tuple[str, bool]:
        """The name of the task's metric, and whether more of it is better."""
        task = cell.spec.task
        if task not in self._directions:
            metric = task.build().metric
            self._directions[task] = (metric.name, metric.higher_is_better)
        return self._directions[task]

    def _tuned_cells(self) -> Iterator[_Cell]:
        """Each cell once, with the seeds of all grids of a union that have it."""
        seeds: dict[Hashable, dict[int, None]] = {}
        for run in self._expansion.runs:
            seeds.setdefault(cell_key(run.variant, run.point), {})[run.seed] = None
        cells = list(zip(self._expansion.cells, self._expansion.tuned, strict=True))
        points = shortened([each.cell.point for each, _ in cells])
        for (each, paths), point in zip(cells, points, strict=True):
            cell, spec = each.cell, each.spec
            own = seeds.pop(cell_key(cell.variant, cell.point), None)
            if own is None or spec is None or not paths:
                continue
            seed = next(iter(own)) if self.spec.seed is None else self.spec.seed
            resolved = spec.model_copy(update={"seed": seed}).resolved()
            label = ", ".join(word for word in (cell.variant, point_label(point)) if word)
            identity = run_id_of({**resolved, "variant": cell.variant, "point": dict(cell.point)})
            yield _Cell(
                PlannedStudy(
                    name=f"{label} ({identity})".lstrip(),
                    variant=cell.variant,
                    point=dict(cell.point),
                    paths=paths,
                    seed=seed,
                    seeds=tuple(own),
                    spec=resolved,
                ),
                each,
                spec,
            )
