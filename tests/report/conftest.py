"""Directories as a grid leaves them, made without training anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seqzoo.grid.plan.adopting import adopt_plan
from seqzoo.grid.plan.plan import Plan, PlanRow, run_directory
from seqzoo.grid.tune.tuned import PlannedStudy
from seqzoo.train.record import Record, write_record


class GridDirectory:
    """A grid's directory: first its runs, then `freeze`, then their results."""

    def __init__(self, path: Path, make_record: Callable[..., Record]) -> None:
        self.path = path
        self.make_record = make_record
        self.rows: list[PlanRow] = []

    def run(self, variant: str, seed: int = 0, point=None, target: float | None = None) -> str:
        run_id = f"run{len(self.rows)}"
        stop = None if target is None else {"target": target}
        spec = {"train": {"steps": 100, "stop": stop}}
        row = PlanRow(run_id=run_id, variant=variant, point=point or {}, seed=seed, spec=spec)
        self.rows.append(row)
        return run_id

    def freeze(self, base: str = "") -> None:
        variants = tuple(dict.fromkeys(row.variant for row in self.rows if row.variant))
        axes = tuple(dict.fromkeys(axis for row in self.rows for axis in row.point))
        rows = tuple(self.rows)
        self.path.mkdir(parents=True, exist_ok=True)
        plan = Plan(name="test", base=base, variants=variants, axes=axes, runs=rows)
        studies = tuple(self._studies())
        if studies:
            plan = plan.model_copy(update={"studies": studies, "sampler": {"trials": 3}})
        adopt_plan(self.path, plan)

    def _studies(self) -> Iterator[PlannedStudy]:
        """The cells that have trials; of the comparison they have the seeds that are there."""
        tried = {row.tried.study: row for row in self.rows if row.tried is not None}
        for name, row in tried.items():
            assert row.tried is not None
            seeds = (each.seed for each in self.rows if each.chosen and each.chosen.study == name)
            yield PlannedStudy(
                name=name,
                variant=row.variant,
                point=row.point,
                paths=tuple(row.tried.values),
                seed=row.seed,
                seeds=tuple(seeds),
                spec=row.spec,
            )

    def record(self, run_id: str, value: float, **changes) -> None:
        directory = run_directory(self.path, run_id)
        directory.mkdir(parents=True, exist_ok=True)
        row = next(row for row in self.rows if row.run_id == run_id)
        record = self.make_record(
            run_id, value, **{"seed": row.seed, "target": row.target, **changes}
        )
        write_record(directory / "record.json", record)

    def curve(self, run_id: str, values: dict[int, float]) -> None:
        """The log of its evaluations: step -> accuracy."""
        lines = [
            json.dumps(
                {"kind": "evaluation", "step": step, "accuracy": value, "loss": round(1 - value, 9)}
            )
            for step, value in values.items()
        ]
        path = run_directory(self.path, run_id) / "metrics.jsonl"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def fail(self, run_id: str, error: str) -> None:
        directory = run_directory(self.path, run_id)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "failure.txt").write_text(f"{error}\n\ntraceback", encoding="utf-8")

    def cell(self, variant: str, values: dict[int, float], point=None, **changes) -> None:
        """Runs of these seeds, each with its record."""
        for seed, value in values.items():
            self.record(self.run(variant, seed, point), value, **changes)


@pytest.fixture
def make_grid(tmp_path, make_record) -> Callable[[str], GridDirectory]:
    """A grid's directory of this name, under the test's own."""
    return lambda name: GridDirectory(tmp_path / name, make_record)


@pytest.fixture
def grid(tmp_path, make_record) -> GridDirectory:
    return GridDirectory(tmp_path / "grid", make_record)


@pytest.fixture
def ablation(grid) -> GridDirectory:
    """Three variants on two tasks: solved, solved by some, missing, failed, diverged."""
    for task in ("xor", "parity"):
        for variant in ("full", "thin", "plain"):
            for seed in (0, 1):
                grid.run(variant, seed, {"task.type": task}, target=0.9)
    grid.freeze(base="full")
    full, thin, plain = (grid.rows[start : start + 2] for start in (0, 2, 4))
    for row, value, step in zip(full, (0.95, 0.97), (40, 60), strict=True):
        grid.record(row.run_id, value, steps=step, reached_at=step)
    grid.record(thin[0].run_id, 0.91, steps=80, reached_at=80)
    grid.record(thin[1].run_id, 0.55)
    for row, value in zip(plain, (0.5, 0.52), strict=True):
        grid.record(row.run_id, value)
    full, thin, plain = (grid.rows[start : start + 2] for start in (6, 8, 10))
    grid.record(full[0].run_id, 0.7)
    grid.fail(full[1].run_id, "ValueError('no')")
    grid.record(thin[0].run_id, 0.8)
    grid.record(thin[1].run_id, 0.9, status="diverged", steps=7, metrics={})
    return grid
