"""Tuning: the trials of each cell, then its comparison with the best values, added to the plan.

A plan with a sampler begins with its studies and no runs. Whenever its processes run out of work,
one of them extends the plan under the ledger's lock: with the next trial of every study, and with
the comparison's runs of each study whose trials have ended. Where a trial that had failed has been
done again and the choice is another now, the new comparison replaces the old one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from seqzoo.errors import RunError
from seqzoo.grid.plan.expansion import PlannedRun, expanded
from seqzoo.grid.plan.plan import Plan, PlanRow, State, make_plan, run_directory
from seqzoo.grid.plan.tuned_cells import TunedCell, cell_key, tuned_cells
from seqzoo.grid.tune.samplers import Sampler, Study, Trial
from seqzoo.grid.tune.tuned import Chosen, PlannedStudy, Tried
from seqzoo.spec import Catalog
from seqzoo.spec.grid import GridSpec
from seqzoo.train import read_record

__all__ = ["States", "Tuner", "make_tuner"]

States = Mapping[str, State]  # run id -> what the ledger says


def make_tuner(grid: GridSpec, catalog: Catalog) -> Tuner:
    """The tuner of a grid with a sampler.

    Raises:
        SpecError: the grid is wrong, or the sampler is not installed.
    """
    return Tuner(grid, catalog)


class _Measured(NamedTuple):
    """What a trial's record says: its metric, and whether it met the run's target."""

    metric: float
    met_target: bool


class Tuner:
    """Extends the plan of one grid."""

    def __init__(self, grid: GridSpec, catalog: Catalog) -> None:
        assert grid.sampler is not None
        self._grid = grid
        self.spec = cast("Sampler.Spec", grid.sampler)
        self._sampler: Sampler = self.spec.build()
        self._expansion = expanded(grid, catalog)
        self._cells = {
            cell.study.name: cell for cell in tuned_cells(self._expansion, self.spec.seed)
        }
        self._measured: dict[str, _Measured] = {}

    @property
    def written(self) -> tuple[PlannedRun, ...]:
        """The comparison's runs with the values as written, before tuning."""
        return self._expansion.runs

    def plan(self, name: str) -> Plan:
        """The first plan: the studies, and the runs of cells in which nothing is tuned."""
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
        """How many more runs the plan may get, if every study has a successful trial."""
        tried = Counter(row.tried.study for row in plan.runs if row.tried is not None)
        compared: dict[str, set[int]] = {}
        for row in plan.runs:
            if row.chosen is not None:
                compared.setdefault(row.chosen.study, set()).add(row.seed)
        count = 0
        for study in plan.studies:
            there = compared.get(study.name, set())
            if not there:
                count += max(0, self.spec.trials - tried[study.name])
            count += sum(seed != study.seed and seed not in there for seed in study.seeds)
        return count

    def without_result(self, plan: Plan, states: States) -> list[PlannedStudy]:
        """The studies whose trials have all failed, so that they cannot be compared."""
        failed = Counter(
            row.tried.study
            for row in plan.runs
            if row.tried is not None and states.get(row.run_id) == "failed"
        )
        return [study for study in plan.studies if failed[study.name] == self.spec.trials]

    def grow(self, plan: Plan, directory: Path, states: States, wanted: int) -> Plan:
        """The plan with the next runs, less those of an outdated choice; itself if nothing changes.

        Args:
            plan: the plan on disk.
            directory: the grid's directory.
            states: the states of all its runs.
            wanted: how many trials have a worker waiting.
        """
        trials: dict[str, list[PlanRow]] = {study.name: [] for study in plan.studies}
        chosen: dict[str, list[PlanRow]] = {study.name: [] for study in plan.studies}
        for row in plan.runs:
            if row.tried is not None:
                trials[row.tried.study].append(row)
            elif row.chosen is not None:
                chosen[row.chosen.study].append(row)
        rows = list(plan.runs)
        for name, cell in self._cells.items():
            choice = self._choice(cell, trials[name], directory, states)
            if choice is not None:
                rows = [row for row in rows if not _is_outdated(row, choice)]
                there = [row for row in chosen[name] if row.chosen == choice]
                rows += self._compared(cell, choice, there)
        rows += self._tried(trials, directory, states, wanted)
        runs = tuple(rows)
        return plan if runs == plan.runs else plan.model_copy(update={"runs": runs})

    def _tried(
        self, trials: dict[str, list[PlanRow]], directory: Path, states: States, wanted: int
    ) -> list[PlanRow]:
        """A trial for every study without an open one, and more if more workers wait."""
        num_open = {name: self._open(trials[name], states) for name in self._cells}
        tuned = {name for name in self._cells if self._met_target(trials[name], directory, states)}
        rows: list[PlanRow] = []
        while True:
            ready = [
                name
                for name in self._cells
                if name not in tuned and len(trials[name]) < self.spec.trials
            ]
            name = min(ready, key=lambda name: (num_open[name], len(trials[name])), default=None)
            if name is None or (num_open[name] > 0 and len(rows) >= wanted):
                return rows
            row = self._trial(self._cells[name], trials[name], directory, states)
            trials[name].append(row)
            rows.append(row)
            num_open[name] += 1

    def _met_target(self, trials: Sequence[PlanRow], directory: Path, states: States) -> bool:
        """Whether a trial has met the target, and that ends the cell's trials."""
        if not self.spec.until_target:
            return False
        done = (row for row in trials if states.get(row.run_id) == "done")
        measured = (self._measure(row, directory) for row in done)
        return any(each is not None and each.met_target for each in measured)

    def _open(self, rows: Sequence[PlanRow], states: States) -> int:
        return sum(states.get(row.run_id, "planned") in ("planned", "running") for row in rows)

    def _trial(
        self, cell: TunedCell, before: Sequence[PlanRow], directory: Path, states: States
    ) -> PlanRow:
        """The next trial of a cell.

        Raises:
            RunError: the sampler's values do not make a valid run.
        """
        study = cell.study
        space = {path: self.spec.space[path] for path in study.paths}
        _, higher_is_better = cell.metric
        past = tuple(self._past(row, directory, states) for row in before)
        values = dict(
            self._sampler.propose(Study(study.name, space, higher_is_better, past), directory)
        )
        spec = cell.run_with(values, study.seed)
        if spec is None or set(values) != set(study.paths):
            raise RunError(
                f"sampler '{self._sampler.name}' proposed {values} for '{study.name}', which is no "
                "run of its space"
            )
        tried = Tried(study=study.name, number=len(before), values=values)
        return cell.row(spec, tried=tried)

    def _past(self, row: PlanRow, directory: Path, states: States) -> Trial:
        assert row.tried is not None
        state = states.get(row.run_id, "planned")
        measured = self._measure(row, directory) if state == "done" else None
        metric = None if measured is None else measured.metric
        ended = {"done": "failed" if metric is None else "done", "failed": "failed"}
        known: Any = ended.get(state, "open")
        return Trial(row.tried.number, row.tried.values, known, metric)

    def _measure(self, row: PlanRow, directory: Path) -> _Measured | None:
        if row.run_id not in self._measured:
            record = read_record(run_directory(directory, row.run_id) / "record.json")
            value = record.metrics.get(record.metric.name)
            if record.status != "done" or value is None:
                return None
            self._measured[row.run_id] = _Measured(value, record.reached_at is not None)
        return self._measured[row.run_id]

    def _compared(
        self, cell: TunedCell, choice: Chosen, there: Sequence[PlanRow]
    ) -> Iterator[PlanRow]:
        """The runs of the comparison that are not there yet."""
        seeds = {row.seed for row in there}
        for seed in cell.study.seeds:
            if seed not in seeds:
                spec = cell.run_with(choice.values, seed)
                assert spec is not None, "its trial was a run"
                yield cell.row(spec, chosen=choice)

    def _choice(
        self, cell: TunedCell, trials: Sequence[PlanRow], directory: Path, states: States
    ) -> Chosen | None:
        """The best trial, the first among equals; None before all have ended, or if all failed."""
        if len(trials) < self.spec.trials and not self._met_target(trials, directory, states):
            return None
        past = [self._past(row, directory, states) for row in trials]
        done = [trial for trial in past if trial.metric is not None]
        if any(trial.state == "open" for trial in past) or not done:
            return None
        metric, higher_is_better = cell.metric
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


def _is_outdated(row: PlanRow, choice: Chosen) -> bool:
    """Whether a row is of the same study's comparison, with another choice."""
    return row.chosen is not None and row.chosen.study == choice.study and row.chosen != choice
