"""What `seqzoo grid --dry-run` shows: the runs in order, their costs, what has become of each."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from seqzoo.errors import SeqzooError
from seqzoo.grid import Plan, plan_path, point_label, refuse_lost_runs
from seqzoo.grid.costs import CostBook
from seqzoo.grid.estimate import STEPS, Pace, pace_of, shape_of
from seqzoo.grid.labels import shortened
from seqzoo.grid.local import num_cores
from seqzoo.grid.notes import plan_notes
from seqzoo.grid.view import duration
from seqzoo.report import collect
from seqzoo.spec.run import RunSpec

__all__ = ["show_plan"]


@dataclass(frozen=True)
class _Costs:
    """What one run costs; None where that cannot be told.

    Attributes:
        parameters: of the model.
        state_size: elements carried a sequence at the task's length.
        seconds: about so long, if it does not stop early.
    """

    parameters: int | None = None
    state_size: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class _Forecast:
    """Run id -> costs; distinct shapes that were timed; what could not be told, and why."""

    costs: Mapping[str, _Costs]
    shapes: int
    failures: tuple[str, ...]


def show_plan(
    plan: Plan,
    specs: Mapping[str, RunSpec],
    out: Path | None,
    *,
    workers: int | None,
    estimate: bool,
    as_json: bool,
) -> None:
    """Print the runs in order, and what has become of those that `out` has already.

    Args:
        plan: what would be done.
        specs: run id -> spec.
        out: a directory that may hold a part of it.
        workers: runs at a time; None for one a core.
        estimate: whether to train a few steps of each distinct shape.
        as_json: print JSON instead of a table.
    """
    states = _states(plan, out)
    at_a_time = workers or num_cores()
    to_do = {run_id for run_id, state in states.items() if state != "done"}
    timed = {run_id for run_id in to_do if estimate}
    with Console(stderr=True).status("counting, and timing a few steps of each shape"):
        forecast = _forecast(specs, timed, threads=max(1, num_cores() // at_a_time))
    total = sum(forecast.costs[run_id].seconds or 0.0 for run_id in to_do) / at_a_time
    if as_json:
        rows = [
            {**row.model_dump(), "state": states[row.run_id], **vars(forecast.costs[row.run_id])}
            for row in plan.runs
        ]
        page = {**plan.model_dump(), "notes": plan_notes(plan), "runs": rows}
        page["seconds"] = total if forecast.shapes else None
        print(json.dumps(page, indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False, markup=False)
    console.print(_table(plan, states, forecast))
    lines = plan_notes(plan)
    if forecast.shapes:
        shapes = f"{forecast.shapes} distinct shape{'s' * (forecast.shapes != 1)}"
        lines.append(
            f"about {duration(total)} with {at_a_time} worker{'s' * (at_a_time != 1)}, less where "
            f"runs stop early: an estimate from {STEPS} steps and one evaluation of {shapes}"
        )
    for line in (*lines, *forecast.failures):
        console.print(line, soft_wrap=True)


def _table(plan: Plan, states: Mapping[str, str], forecast: _Forecast) -> Table:
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
    headings = ["seed", "steps", "params", "state"] + ["time"] * bool(forecast.shapes)
    for heading in headings:
        table.add_column(heading, justify="right")
    table.add_column("status")
    points = shortened([row.point for row in plan.runs])
    for row, point in zip(plan.runs, points, strict=True):
        costs, state = forecast.costs[row.run_id], states[row.run_id]
        numbers = [row.max_steps, costs.parameters, costs.state_size]
        words = [str(row.seed), *("?" if each is None else f"{each:,}" for each in numbers)]
        if forecast.shapes:
            words.append("" if costs.seconds is None else duration(costs.seconds))
        status = "to do" if state == "missing" else state
        table.add_row(row.run_id, row.variant, point_label(point), *words, status)
    return table


def _forecast(specs: Mapping[str, RunSpec], timed: set[str], threads: int) -> _Forecast:
    book = CostBook()
    paces: dict[Hashable, Pace | None] = {}
    costs: dict[str, _Costs] = {}
    failures: dict[str, list[str]] = {}
    for run_id, spec in specs.items():
        try:
            parameters = int(book.count(spec, "parameters"))
            state_size = int(book.count(spec, "state"))
        except (SeqzooError, ValueError) as failure:
            failures.setdefault(f"cannot be counted: {failure}", []).append(run_id)
            costs[run_id] = _Costs()
            continue
        shape = shape_of(spec)
        if run_id in timed and shape not in paces:
            try:
                paces[shape] = pace_of(spec, threads)
            except (SeqzooError, ValueError) as failure:
                failures.setdefault(f"cannot be timed: {failure}", []).append(run_id)
                paces[shape] = None
        pace = paces.get(shape) if run_id in timed else None
        costs[run_id] = _Costs(parameters, state_size, pace.seconds(spec) if pace else None)
    shapes = sum(pace is not None for pace in paces.values())
    told = [f"{_named(runs)} {failure}" for failure, runs in failures.items()]
    return _Forecast(costs, shapes, tuple(told))


def _named(runs: list[str]) -> str:
    others = len(runs) - 1
    return f"run {runs[0]}" + (f" and {others} other{'s' * (others != 1)}" if others else "")


def _states(plan: Plan, out: Path | None) -> dict[str, str]:
    """Run id -> done, failed or missing."""
    states = dict.fromkeys(plan.distinct(), "missing")
    if out is not None and plan_path(out).exists():
        refuse_lost_runs(out, plan)
        states.update({result.run_id: result.state for result in collect(out).results})
    return states
