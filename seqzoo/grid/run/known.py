"""A process's copy of the grid's plan, reread after another process has extended it."""

from __future__ import annotations

from pathlib import Path

from seqzoo.grid.plan.plan import Plan, PlanRow, read_plan, run_directory
from seqzoo.grid.plan.run_state import read_run_state

__all__ = ["KnownPlan"]


class KnownPlan:
    """The plan as last read.

    Attributes:
        directory: the grid's directory.
        plan: the plan.
        rows: run id -> row of the plan.
        labels: run id -> name in messages.
        sizes: run id -> maximal number of steps.
    """

    def __init__(self, directory: Path, plan: Plan) -> None:
        self.directory = directory
        self.sizes: dict[str, int] = {}
        self.take(plan)

    def take(self, plan: Plan) -> None:
        """Replace the plan."""
        self.plan: Plan = plan
        self.rows: dict[str, PlanRow] = plan.distinct()
        self.labels: dict[str, str] = plan.labels()
        self.sizes.update({run_id: row.max_steps for run_id, row in self.rows.items()})

    def know(self, run_id: str) -> None:
        """Reread the plan if another process has added this run to it."""
        if run_id not in self.rows:
            self.take(read_plan(self.directory))

    def place(self, run_id: str) -> Path:
        """The run's directory."""
        return run_directory(self.directory, run_id)

    def is_done(self, run_id: str) -> bool:
        """Whether the run's directory holds this run's record, with status done."""
        return read_run_state(self.directory, self.rows[run_id]).state == "done"

    def is_answer(self, run_id: str) -> bool:
        """Whether a failed run is a trial that diverged, which is a valid result of tuning."""
        row = self.rows[run_id]
        return row.tried is not None and read_run_state(self.directory, row).record is not None
