"""The progress of a plan in a directory: which runs and trials have ended."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Literal

from seqzoo.grid.plan.adopting import refuse_lost_runs, with_runs_of
from seqzoo.grid.plan.plan import Plan, PlanRow, plan_path, read_plan
from seqzoo.grid.plan.run_state import read_run_state
from seqzoo.grid.plan.tuned_cells import cell_key
from seqzoo.grid.plan.tuner import Tuner

__all__ = ["RunStates", "chosen_studies", "ended_trials", "run_states", "tuned_run_states"]

RunStateName = Literal["done", "failed", "missing"]
RunStates = dict[str, RunStateName]  # by run id


def run_states(plan: Plan, out: Path | None) -> RunStates:
    """The state of every run of a plan in a directory that may hold a part of it.

    Raises:
        RunError: the directory holds another grid.
    """
    if out is None or not plan_path(out).exists():
        return dict.fromkeys(plan.distinct(), "missing")
    there = with_runs_of(out, read_plan(out), plan)
    states: RunStates = {
        run_id: read_run_state(out, row).state for run_id, row in there.distinct().items()
    }
    return {
        row.run_id: states[known.run_id] for row, known in zip(plan.runs, there.runs, strict=True)
    }


def tuned_run_states(plan: Plan, tuner: Tuner, out: Path | None) -> RunStates:
    """Like `run_states`, for a comparison whose values are not tuned yet.

    The runs in the directory have other ids than those of the plan, so they are matched by
    variant, point and seed.

    Args:
        plan: the comparison with the values as written.
        tuner: the grid's tuner.
        out: the directory, None if there is none.
    """
    states: RunStates = dict.fromkeys(plan.distinct(), "missing")
    if out is None or not plan_path(out).exists():
        return states
    refuse_lost_runs(out, tuner.plan(plan.name))
    found: dict[Hashable, RunStateName] = {
        (cell_key(row.variant, row.point), row.seed): read_run_state(out, row).state
        for row in read_plan(out).runs
        if row.tried is None
    }
    for row in plan.runs:
        place = (cell_key(row.variant, row.point), row.seed)
        states[row.run_id] = found.get(place, "missing")
    return states


def ended_trials(out: Path | None) -> list[PlanRow]:
    """The trials of the grid in a directory that are done or have failed."""
    if out is None or not plan_path(out).exists():
        return []
    return [
        row
        for row in read_plan(out).runs
        if row.tried is not None and read_run_state(out, row).state != "missing"
    ]


def chosen_studies(out: Path | None) -> set[str]:
    """The studies of the grid in a directory whose values have been chosen."""
    if out is None or not plan_path(out).exists():
        return set()
    return {row.chosen.study for row in read_plan(out).runs if row.chosen is not None}
