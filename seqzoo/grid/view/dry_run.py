"""The output of `seqzoo grid --dry-run`: the runs in order, with costs and states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from seqzoo.errors import counted
from seqzoo.escape import json_text, rich_text, visible
from seqzoo.grid.distinct_labels import Labels
from seqzoo.grid.plan.forecast import Forecast, forecast
from seqzoo.grid.plan.notes import plan_notes
from seqzoo.grid.plan.pace import STEPS
from seqzoo.grid.plan.plan import Plan
from seqzoo.grid.plan.progress import (
    RunStates,
    chosen_studies,
    ended_trials,
    run_states,
    tuned_run_states,
)
from seqzoo.grid.plan.tuned_cells import cell_key
from seqzoo.grid.plan.tuner import Tuner
from seqzoo.grid.run.local import num_cores, threads_each
from seqzoo.grid.tune.space import range_label
from seqzoo.grid.view.board import duration
from seqzoo.overhang import overhang
from seqzoo.spec.run import RunSpec

__all__ = ["show_plan"]


def show_plan(
    plan: Plan,
    specs: Mapping[str, RunSpec],
    out: Path | None,
    *,
    workers: int | None,
    estimate: bool,
    as_json: bool,
    tuner: Tuner | None = None,
) -> None:
    """Print the runs in order, with the state of those already in `out`.

    Args:
        plan: the runs; for a tuned grid those of the comparison, with the values as written.
        specs: run id -> spec.
        out: a directory that may hold some of them already.
        workers: runs at a time; None for one per core.
        estimate: whether to train a few steps of each distinct shape.
        as_json: print JSON instead of a table.
        tuner: the grid's tuner, None if nothing is tuned.
    """
    states = run_states(plan, out) if tuner is None else tuned_run_states(plan, tuner, out)
    at_a_time = workers or num_cores()
    to_do = {run_id for run_id, state in states.items() if state != "done"}
    timed = {run_id for run_id in to_do if estimate}
    what = "counting, and timing a few steps of each shape" if timed else "counting"
    with Console(stderr=True).status(what) as status:
        foreseen = forecast(
            specs,
            timed,
            threads=threads_each(at_a_time),
            at_run=lambda number: status.update(f"{what}: run {number} of {len(specs)}"),
        )
    seconds = sum(foreseen.costs[run_id].seconds or 0.0 for run_id in to_do)
    if tuner is not None:
        seconds += _seconds_of_trials(plan, tuner, out, foreseen)
    total = seconds / at_a_time
    notes = plan_notes(plan) + ([] if tuner is None else [_tuning_note(tuner, out)])
    if as_json:
        rows = [
            {**row.model_dump(), "state": states[row.run_id], **vars(foreseen.costs[row.run_id])}
            for row in plan.runs
        ]
        page = {**plan.model_dump(), "notes": notes, "runs": rows}
        if tuner is not None:
            tuned = tuner.plan(plan.name).model_dump()
            page.update({key: tuned[key] for key in ("studies", "sampler")})
        page["seconds"] = total if foreseen.shapes else None
        print(json_text(page))
        return
    console = Console(highlight=False, markup=False)
    table = _table(plan, states, foreseen, with_state=True)
    if overhang(table, console):
        table = _table(plan, states, foreseen, with_state=False)
    console.print(table)
    lines = notes
    if foreseen.shapes:
        shapes = counted(foreseen.shapes, "distinct shape")
        lines.append(
            f"about {duration(total)} with {counted(at_a_time, 'worker')}, less where "
            f"runs stop early: an estimate from {STEPS} steps and one evaluation of {shapes}"
        )
    for line in (*lines, *foreseen.failures):
        console.print(visible(line), soft_wrap=not console.is_terminal)


def _table(plan: Plan, states: RunStates, foreseen: Forecast, *, with_state: bool) -> Table:
    """The runs; without the state's size where the terminal has no room for it."""
    counts = {state: list(states.values()).count(state) for state in ("done", "failed", "missing")}
    table = Table(
        title=rich_text(
            f"{plan.name}: {counted(len(states), 'run')}, {counts['done']} done, "
            f"{counts['failed']} failed, {counts['missing']} to do"
        ),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("run", no_wrap=True)
    for heading in ["variant"] * bool(plan.variants) + ["point"] * bool(plan.axes):
        table.add_column(heading, overflow="fold")
    headings = ["seed", "steps", "params"] + ["state"] * with_state
    for heading in headings + ["time"] * bool(foreseen.shapes):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    labels = Labels([row.point for row in plan.runs])
    for row in plan.runs:
        costs, state = foreseen.costs[row.run_id], states[row.run_id]
        numbers = [row.max_steps, costs.parameters] + [costs.state_size] * with_state
        words = [str(row.seed), *("?" if each is None else f"{each:,}" for each in numbers)]
        if with_state and costs.parameters is not None and costs.state_size is None:
            words[-1] = "none"  # a mixer that does not stream
        if foreseen.shapes:
            words.append("" if costs.seconds is None else duration(costs.seconds))
        status = "to do" if state == "missing" else state
        place = [row.variant] * bool(plan.variants) + [labels.point(row.point)] * bool(plan.axes)
        table.add_row(row.run_id, *map(rich_text, place), *words, status)
    return table


def _tuning_note(tuner: Tuner, out: Path | None) -> str:
    """A sentence on the trials before the comparison, and how many of them are done."""
    spec, studies = tuner.spec, tuner.plan("").studies
    space = ", ".join(f"{path} {range_label(each)}" for path, each in spec.space.items())
    seeds = " or ".join(str(seed) for seed in dict.fromkeys(study.seed for study in studies))
    total = spec.trials * len(studies)
    done = len(ended_trials(out))
    most = "at most " if spec.until_target else ""
    return (
        f"tuned by {spec.part.name}: {most}{counted(spec.trials, 'trial')} of each of "
        f"{counted(len(studies), 'cell')} over {space}, with seed {seeds}: "
        f"{most}{counted(total, 'trial')}{f', {done} of them done' if done else ''}; "
        "then the runs above, each with the best values of its cell"
    )


def _seconds_of_trials(plan: Plan, tuner: Tuner, out: Path | None, foreseen: Forecast) -> float:
    """The time of each cell's remaining trials, at the pace of its run as written."""
    paces = {
        cell_key(row.variant, row.point): foreseen.costs[row.run_id].seconds for row in plan.runs
    }
    done = Counter(trial.tried.study for trial in ended_trials(out) if trial.tried is not None)
    chosen = chosen_studies(out)
    return sum(
        (tuner.spec.trials - done[study.name])
        * (paces.get(cell_key(study.variant, study.point)) or 0.0)
        for study in tuner.plan("").studies
        if study.name not in chosen
    )
