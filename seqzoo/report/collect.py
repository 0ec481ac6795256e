"""What a report is made of: the runs of a directory, with the record of each that has one.

Only `plan.json`, `record.json` and `failure.txt` are read (of a run alone its `spec.yaml` too), so
a report works on a copy of the directory, on a grid that is still running, and without its ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from seqzoo.errors import DirectoryError, RunError
from seqzoo.grid import read_failure, read_plan, run_directory
from seqzoo.train import Record, read_record

__all__ = ["Collection", "Result", "collect"]


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
        results: in the plan's order.
    """

    name: str
    directories: tuple[Path, ...]
    base: str
    axes: tuple[str, ...]
    results: tuple[Result, ...]
    against: str = "variant"


def collect(directory: Path) -> Collection:
    """The runs of a grid's directory, or the one run of a run's directory.

    Raises:
        RunError: it is neither; or its plan, or the record of the run alone, is malformed.
    """
    if (directory / "plan.json").exists():
        return _collect_grid(directory)
    if (directory / "record.json").exists():
        return _collect_run(directory)
    if not directory.is_dir():
        raise DirectoryError(f"{directory}: no such directory; give the --out of a grid or a run")
    if (directory / "spec.yaml").exists():
        raise DirectoryError(
            f"{directory}: this run has not ended yet, so it has no record.json; train it on, or "
            "wait"
        )
    raise DirectoryError(
        f"{directory}: neither a grid (plan.json) nor a run (record.json); give the --out of one"
    )


def _collect_grid(directory: Path) -> Collection:
    plan = read_plan(directory)
    outcomes = {run_id: _outcome(directory, run_id) for run_id in plan.distinct()}
    return Collection(
        name=plan.name,
        directories=(directory,),
        base=plan.base,
        axes=plan.axes,
        results=tuple(
            Result(
                run_id=row.run_id,
                directory=run_directory(directory, row.run_id),
                spec=row.spec,
                variant=row.variant,
                point=row.point,
                seed=row.seed,
                max_steps=row.max_steps,
                target=row.target,
                record=outcomes[row.run_id][0],
                error=outcomes[row.run_id][1],
            )
            for row in plan.runs
        ),
    )


def _outcome(directory: Path, run_id: str) -> tuple[Record | None, str | None]:
    """The record and the error of one run of a grid; a record that cannot be read is an error."""
    path = run_directory(directory, run_id)
    error = read_failure(path)
    if not (path / "record.json").exists():
        return None, error
    try:
        record = read_record(path / "record.json")
    except RunError as failure:
        return None, str(failure)
    if record.status == "diverged":
        return record, error or f"diverged at step {record.steps}"
    return record, None


def _collect_run(directory: Path) -> Collection:
    record = read_record(directory / "record.json")
    name = record.name or directory.resolve().name
    result = Result(
        run_id=record.run_id,
        directory=directory,
        spec=_spec(directory / "spec.yaml"),
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
    try:
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError) as failure:
        raise RunError(f"{path}: cannot be read ({failure}); restore it, or delete it") from None
    if not isinstance(spec, dict):
        raise RunError(f"{path}: holds no mapping, so no spec; restore it, or delete it")
    return spec
