"""Collect the runs of a grid's or a run's directory.

Only `plan.json`, `record.json` and `failure.txt` are read (for a single run also `spec.yaml`), so a
report works on a copy of the directory, while the grid is running, and without the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seqzoo.errors import DirectoryError, RunError, SpecError
from seqzoo.grid import Plan, PlanRow, read_plan, run_directory
from seqzoo.grid.plan.identity import stray_record
from seqzoo.grid.plan.run_state import RunState, read_run_state
from seqzoo.report.collect.results import Collection, Result
from seqzoo.spec.document import read_document
from seqzoo.spec.run import run_id_of
from seqzoo.train import read_record

__all__ = ["collect"]


def collect(directory: Path) -> Collection:
    """Collect the runs of a grid's directory, or the single run of a run's directory.

    Raises:
        RunError: it is neither, or its plan or record is malformed.
    """
    if (directory / "plan.json").exists():
        return _collect_grid(directory)
    if (directory / "record.json").exists():
        return _collect_run(directory)
    if directory.exists() and not directory.is_dir():
        raise DirectoryError(f"{directory} is no folder; give the --out of a grid or a run")
    if not directory.is_dir():
        raise DirectoryError(f"{directory}: no such directory; give the --out of a grid or a run")
    if (directory / "spec.yaml").exists():
        raise DirectoryError(
            f"{directory}: this run has not ended yet, so it has no record.json; resume it, or wait"
        )
    raise DirectoryError(
        f"{directory}: neither a grid (plan.json) nor a run (record.json); give the --out of one"
    )


def _collect_grid(directory: Path) -> Collection:
    plan = read_plan(directory)
    left = {run_id: read_run_state(directory, row) for run_id, row in plan.distinct().items()}
    results = [_result(directory, row, left[row.run_id]) for row in plan.runs]
    trials = tuple(result for result in results if result.tried is not None)
    compared = [result for result in results if result.tried is None]
    if plan.studies:
        compared = _in_order(plan, [*compared, *_to_come(directory, plan, compared, trials)])
    return Collection(
        name=plan.name,
        directories=(directory,),
        base=plan.base,
        axes=plan.axes,
        results=tuple(compared),
        trials=trials,
    )


def _result(directory: Path, row: PlanRow, left: RunState) -> Result:
    return Result(
        run_id=row.run_id,
        directory=run_directory(directory, row.run_id),
        spec=row.spec,
        variant=row.variant,
        point=row.point,
        seed=row.seed,
        max_steps=row.max_steps,
        target=row.target,
        record=left.record,
        error=left.error,
        matched=row.matched,
        tried=row.tried,
        chosen=row.chosen,
    )


def _to_come(
    directory: Path, plan: Plan, compared: Sequence[Result], trials: Sequence[Result]
) -> Iterator[Result]:
    """Placeholders for runs that wait for an unfinished study; they have no run id yet."""
    there = {(result.chosen.study, result.seed) for result in compared if result.chosen}
    wanted = (plan.sampler or {}).get("trials", 0)
    for study in plan.studies:
        failed = [
            trial.state == "failed"
            for trial in trials
            if trial.tried is not None and trial.tried.study == study.name
        ]
        hopeless = len(failed) == wanted and all(failed)
        for seed in study.seeds:
            if (study.name, seed) in there:
                continue
            row = PlanRow(
                run_id="",
                variant=study.variant,
                point=study.point,
                seed=seed,
                spec={**study.spec, "seed": seed},
            )
            tried = "the one trial" if wanted == 1 else f"all {wanted} trials"
            error = f"{tried} of '{study.name}' failed" if hopeless else None
            yield _result(directory, row, RunState(None, error))


def _in_order(plan: Plan, results: list[Result]) -> list[Result]:
    """The results in the order of the grid's variants and points, whichever study ended first."""
    variants = list(plan.variants)
    cells = [(study.variant, study.point) for study in plan.studies]
    keys = {repr(cell): place for place, cell in enumerate(cells)}

    def place(result: Result) -> tuple[int, int, int]:
        variant = variants.index(result.variant) if result.variant else 0
        return variant, keys.get(repr((result.variant, result.point)), len(keys)), result.seed

    return sorted(results, key=place)


def _collect_run(directory: Path) -> Collection:
    record = read_record(directory / "record.json")
    spec = _spec(directory / "spec.yaml")
    if spec and record.spec is not None:
        path, run_id = directory / "record.json", run_id_of(spec)
        wrong = stray_record(path, record, run_id, spec, "spec.yaml")
        if wrong is not None:
            raise RunError(wrong)
    name = record.name or directory.resolve().name
    result = Result(
        run_id=record.run_id,
        directory=directory,
        spec=spec or record.spec or {},
        variant="",
        point={},
        seed=record.seed,
        max_steps=record.max_steps,
        target=record.target,
        record=record,
        error=None if record.status == "done" else f"diverged at step {record.steps}",
    )
    return Collection(name=name, directories=(directory,), base="", axes=(), results=(result,))


def _spec(path: Path) -> dict[str, Any]:
    """The resolved spec as plain data, empty if the file is missing."""
    if not path.exists():
        return {}
    try:
        spec = read_document(path).data
    except SpecError as failure:
        raise RunError(f"{failure}; restore {path}, or delete it") from None
    if not isinstance(spec, dict):
        raise RunError(f"{path}: does not hold a mapping; restore it, or delete it")
    return spec
