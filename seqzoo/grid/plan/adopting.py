"""Merge a new plan into an existing output directory: runs may be added, none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqzoo.errors import RunError, counted
from seqzoo.files import write_whole
from seqzoo.grid.distinct_labels import Labels, value_key
from seqzoo.grid.labels import value_label
from seqzoo.grid.plan.plan import Plan, PlanRow, plan_path, read_plan

__all__ = ["adopt_plan", "refuse_lost_runs", "with_runs_of", "write_plan"]


def write_plan(directory: Path, plan: Plan) -> None:
    """Write the plan, completely or not at all.

    Raises:
        RunError: it cannot be written.
    """
    write_whole(plan_path(directory), plan.model_dump_json(indent=1) + "\n")


def adopt_plan(directory: Path, plan: Plan) -> Plan:
    """Freeze the plan in the directory, unless that would lose a run of the existing plan.

    Cells that share one run share the one that the directory has, whichever is listed first now.
    In a tuned grid the existing trials and choices are kept; with more trials than before, the
    values are chosen again, except in cells whose tuning a target ended.

    Returns:
        The plan as it is now in the directory.

    Raises:
        RunError: the directory holds runs that this plan lacks, or cannot be written.
    """
    if plan_path(directory).exists():
        old = read_plan(directory)
        plan = with_runs_of(directory, old, plan)
        taken_over = (row for row in old.runs if _is_of(row, old, plan))
        plan = plan.model_copy(update={"runs": (*plan.runs, *taken_over)})
    write_plan(directory, plan)
    return plan


def with_runs_of(directory: Path, old: Plan, new: Plan) -> Plan:
    """The new plan with the run that the directory's old plan has for cells that share it.

    The rows stay in order.

    Raises:
        RunError: the new plan lacks runs of the old one; the message says which, and what differs.
    """
    _refuse_other_tuning(directory, old, new)
    new = _with_shared_runs(old, new)
    _refuse_lost(directory, old, new)
    return new


def refuse_lost_runs(directory: Path, new: Plan) -> None:
    """Check that `new` has every run of the plan in the directory.

    Raises:
        RunError: it lacks some; the message says which, and what differs.
    """
    if plan_path(directory).exists():
        with_runs_of(directory, read_plan(directory), new)


def _with_shared_runs(old: Plan, new: Plan) -> Plan:
    there = old.distinct()
    shared: dict[str, PlanRow] = {}  # new run id -> the old row with the run of one of its cells
    for row in new.runs:
        if row.own_id in there:
            shared.setdefault(row.run_id, there[row.own_id])
    shared.update({run_id: there[run_id] for run_id in shared.keys() & there.keys()})
    runs = tuple(
        row.model_copy(update={"run_id": known.run_id, "spec": known.spec})
        if (known := shared.get(row.run_id)) is not None and known.run_id != row.run_id
        else row
        for row in new.runs
    )
    return new.model_copy(update={"runs": runs})


def _is_of(row: PlanRow, old: Plan, new: Plan) -> bool:
    """Whether a row of the old plan is a trial of the new one, or chosen as it would choose."""
    if row.chosen is None or new.sampler is None or old.sampler is None:
        return row.tried is not None
    by_target = row.chosen.trials < old.sampler["trials"]
    return by_target or row.chosen.trials == new.sampler["trials"]


def _refuse_lost(directory: Path, old: Plan, new: Plan) -> None:
    kept = new.distinct()
    lost = [
        row
        for run_id, row in old.distinct().items()
        if run_id not in kept and row.tried is None and row.chosen is None
    ]
    if not lost:
        return
    row = lost[0]
    twins = [new_row for new_row in new.runs if _place(new_row) == _place(row)]
    if twins:
        what = _told(row.spec, twins[0].spec)
    else:
        what = "this grid has no run of that name"
    raise RunError(
        f"{directory} holds another grid: {len(lost)} of its {counted(len(old.distinct()), 'run')} "
        f"{'is' if len(lost) == 1 else 'are'} not in this one, the first '{row.label}' (run "
        f"{row.run_id}): {what}. New runs may be added to a grid, none changed or dropped: put the "
        "file back, or choose another --out"
    )


def _place(row: PlanRow) -> tuple[str, str, int]:
    """The place of a row in its grid: equal for rows that differ only in the base."""
    return row.variant, value_key(row.point), row.seed


def _refuse_other_tuning(directory: Path, old: Plan, new: Plan) -> None:
    """Check that sampler and tuned cells are unchanged; only the number of trials may rise."""
    if old.sampler is None and new.sampler is None:
        return
    before, after = old.sampler or {}, new.sampler or {}
    if not before or not after:
        what = "it is tuned, and this one is not" if before else "it is not tuned, and this one is"
    elif {**before, "trials": 0} != {**after, "trials": 0}:
        what = f"sampler: {_told(before, after)}"
    elif after["trials"] < before["trials"]:
        what = f"it has {counted(before['trials'], 'trial')} a cell, and this one {after['trials']}"
    else:
        names = {study.name for study in new.studies}
        lost = [study for study in old.studies if study.name not in names]
        if not lost:
            return
        twins = [
            study
            for study in new.studies
            if (study.variant, study.point) == (lost[0].variant, lost[0].point)
        ]
        told = _told(lost[0].spec, twins[0].spec) if twins else "this grid has no such cell"
        what = f"its tuned cell '{lost[0].name}' is not in this one: {told}"
    raise RunError(
        f"{directory} holds another grid: {what}. Trials and cells may be added to a grid, none "
        "changed or dropped: put the file back, or choose another --out"
    )


def _told(old: Any, new: Any) -> str:
    changes = list(_differences("", old, new))
    return "; ".join(changes[:3]) + ("; ..." if len(changes) > 3 else "")


def _differences(path: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            inner = f"{path}.{key}" if path else key
            if key not in new:
                yield f"{inner} is {value_label(old[key])} there, and not here"
            elif key not in old:
                yield f"{inner} is {value_label(new[key])} here, and not there"
            else:
                yield from _differences(inner, old[key], new[key])
    elif old != new:
        labels = Labels([{path: old}, {path: new}])
        yield f"{path} is {labels.value(path, old)} there, {labels.value(path, new)} here"
