"""What `seqzoo grid --dry-run` shows: the runs in order, and what has become of each."""

from __future__ import annotations

import json
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from seqzoo.grid import Plan, plan_path, point_label, refuse_lost_runs
from seqzoo.grid.notes import plan_notes
from seqzoo.report import collect

__all__ = ["show_plan"]


def show_plan(plan: Plan, out: Path | None, as_json: bool) -> None:
    """Print the runs in order, and what has become of those that `out` has already."""
    states = _states(plan, out)
    if as_json:
        rows = [{**row.model_dump(), "state": states[row.run_id]} for row in plan.runs]
        page = {**plan.model_dump(), "notes": plan_notes(plan), "runs": rows}
        print(json.dumps(page, indent=2, ensure_ascii=False))
        return
    counts = {state: list(states.values()).count(state) for state in ("done", "failed", "missing")}
    table = Table(
        title=f"{plan.name}: {len(states)} run{'s' * (len(states) != 1)}, {counts['done']} done, "
        f"{counts['failed']} failed, {counts['missing']} to do",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for heading in ("run", "variant", "point"):
        table.add_column(heading, overflow="fold")
    for heading in ("seed", "steps"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    for row in plan.runs:
        state = states[row.run_id]
        words = (row.run_id, row.variant, point_label(row.point), str(row.seed))
        table.add_row(*words, f"{row.max_steps:,}", "to do" if state == "missing" else state)
    console = Console(highlight=False, markup=False)
    console.print(table)
    for note in plan_notes(plan):
        console.print(note, soft_wrap=True)


def _states(plan: Plan, out: Path | None) -> dict[str, str]:
    """Run id -> done, failed or missing."""
    states = dict.fromkeys(plan.distinct(), "missing")
    if out is not None and plan_path(out).exists():
        refuse_lost_runs(out, plan)
        states.update({result.run_id: result.state for result in collect(out).results})
    return states
