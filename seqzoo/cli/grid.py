"""`seqzoo grid FILE --out DIR`: do all runs of a grid, and print the table."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from seqzoo import GridSpec, Registry, load_registry, load_spec
from seqzoo.errors import SpecError
from seqzoo.grid import (
    Executor,
    Outcome,
    Plan,
    RunJob,
    make_plan,
    plan_path,
    point_label,
    refuse_lost_runs,
    run_grid,
    view_for,
)
from seqzoo.grid.expand import expand
from seqzoo.report import collect, make_report, print_report, to_json

__all__ = ["command"]


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where plan, ledger and runs are kept.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Runs at a time; else one a core.")
    ] = None,
    executor: Annotated[str, typer.Option(metavar="NAME", help="Who does the runs.")] = "local",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, run nothing.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Lay a value over the file's."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Do all runs of a grid and print the table; the same command again resumes.

    Ctrl-C once finishes the runs at hand, twice stops them, resumable.
    """
    registry = load_registry()
    plan = _plan(file, registry, settings or [])
    if dry_run:
        _show_plan(plan, out, as_json)
        return
    if out is None:
        raise SpecError("--out is missing: the directory where plan, ledger and runs are kept")
    doer = registry.spec("executor", {"type": executor, "workers": workers}).build()
    assert isinstance(doer, Executor)
    outcome = run_grid(plan, out, doer, RunJob(), view_for(Console(stderr=True)))
    report = make_report(out)
    if as_json:
        print(to_json(report), end="")
    else:
        print_report(report, Console(highlight=False))
    raise typer.Exit(_status(outcome))


def _plan(file: Path, registry: Registry, settings: list[str]) -> Plan:
    spec = load_spec(file, registry, settings)
    if not isinstance(spec, GridSpec):
        raise SpecError(f"{file} is a run, not a grid; seqzoo train {file} --out DIR trains it")
    return make_plan(spec.name or file.stem, expand(spec, registry), spec.variants)


def _status(outcome: Outcome) -> int:
    if outcome.interrupted:
        print(
            f"stopped with {outcome.done} of {outcome.total} runs done; the same command resumes",
            file=sys.stderr,
        )
        return 130
    return 1 if outcome.failures else 0


def _show_plan(plan: Plan, out: Path | None, as_json: bool) -> None:
    """The runs in order, and what has become of those that `out` has already."""
    states = _states(plan, out)
    if as_json:
        rows = [{**row.model_dump(), "state": states[row.run_id]} for row in plan.runs]
        page = {**plan.model_dump(), "runs": rows}
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
    Console(highlight=False, markup=False).print(table)


def _states(plan: Plan, out: Path | None) -> dict[str, str]:
    """Run id -> done, failed or missing."""
    states = dict.fromkeys(plan.distinct(), "missing")
    if out is not None and plan_path(out).exists():
        refuse_lost_runs(out, plan)
        states.update({result.run_id: result.state for result in collect(out).results})
    return states
