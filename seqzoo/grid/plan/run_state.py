"""The state of a run, read from the files in its directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seqzoo.errors import RunError
from seqzoo.grid.plan.failure import read_failure
from seqzoo.grid.plan.identity import stray_record
from seqzoo.grid.plan.plan import PlanRow, run_directory
from seqzoo.train import Record, read_record

__all__ = ["RunState", "read_run_state"]


@dataclass(frozen=True)
class RunState:
    """The state of a run.

    Attributes:
        record: None until the run has ended.
        error: one line on its failure, None if it did not fail.
    """

    record: Record | None
    error: str | None

    @property
    def state(self) -> Literal["done", "failed", "missing"]:
        """A run that diverged has failed, though it has a record."""
        if self.record is not None and self.record.status == "done":
            return "done"
        return "missing" if self.record is None and self.error is None else "failed"


def read_run_state(directory: Path, row: PlanRow) -> RunState:
    """The state of one run of the grid in `directory`.

    A record that cannot be read or belongs to another run counts as an error of this run.
    """
    place = run_directory(directory, row.run_id)
    error = read_failure(place)
    path = place / "record.json"
    if not path.exists():
        return RunState(None, error)
    try:
        record = read_record(path)
    except RunError as failure:
        return RunState(None, str(failure))
    wrong = stray_record(path, record, row.run_id, row.spec, "plan.json")
    if wrong is not None:
        return RunState(None, wrong)
    if record.status == "diverged":
        return RunState(record, error or f"diverged at step {record.steps}")
    return RunState(record, None)
