"""What `seqzoo grid --dry-run` shows: the runs in order, their costs, what has become of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from seqzoo.errors import SeqzooError, counted
from seqzoo.escape import json_text, rich_text, visible
from seqzoo.grid import Plan, Tuner, plan_path, point_label, refuse_lost_runs
from seqzoo.grid.costs import CostBook
from seqzoo.grid.estimate import STEPS, Pace, pace_of, shape_of
from seqzoo.grid.labels import shortened
from seqzoo.grid.local import num_cores, threads_each
from seqzoo.grid.notes import plan_notes
from seqzoo.grid.space import range_label
from seqzoo.grid.tuned_cells import cell_key
from seqzoo.grid.view import duration
from seqzoo.report import Result, collect
from seqzoo.report.tables.wording import and_others
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
    tuner: Tuner | None = None,
) -> None:
    """Print the runs in order, and what has become of those that `out` has already.

    Args:
        plan: what would be done; of a tuned grid the comparison, with the values as written.
        specs: run id -> spec.
        out: a directory that may hold a part of it.
        workers: runs at a time; None for one a core.
        estimate: whether to train a few steps of each distinct shape.
        as_json: print JSON instead of a table.
        tuner: what tunes the grid, None if nothing does.
    """
    states = _states(plan, out) if tuner is None else _tuned_states(plan, tuner, out)
    at_a_time = workers or num_cores()
    to_do = {run_id for run_id, state in states.items() if state != "done"}
    timed = {run_id for run_id in to_do if estimate}
    what = "counting, and timing a few steps of each shape"
    with Console(stderr=True).status(what) as status:
        forecast = _forecast(
            specs,
            timed,
            threads=threads_each(at_a_time),
            at_run=lambda number: status.update(f"{what}: run {number} of {len(specs)}"),
        )
    seconds = sum(forecast.costs[run_id].seconds or 0.0 for run_id in to_do)
    if tuner is not None:
        seconds += _seconds_of_trials(plan, tuner, out, forecast)
    total = seconds / at_a_time
    notes = plan_notes(plan) + ([] if tuner is None else [_tuning_note(tuner, out)])
    if as_json:
        rows = [
            {**row.model_dump(), "state": states[row.run_id], **vars(forecast.costs[row.run_id])}
            for row in plan.runs
        ]
        page = {**plan.model_dump(), "notes": notes, "runs": rows}
        if tuner is not None:
            tuned = tuner.plan(plan.name).model_dump()
            page.update({key: tuned[key] for key in ("studies", "sampler")})
        page["seconds"] = total if forecast.shapes else None
        print(json_text(page))
        return
    console = Console(highlight=False, markup=False)
    console.print(_table(plan, states, forecast))
    lines = notes
    if forecast.shapes:
        shapes = counted(forecast.shapes, "distinct shape")
        lines.append(
            f"about {duration(total)} with {counted(at_a_time, 'worker')}, less where "
            f"runs stop early: an estimate from {STEPS} steps and one evaluation of {shapes}"
        )
    for line in (*lines, *forecast.failures):
        console.print(visible(line), soft_wrap=not console.is_terminal)


def _table(plan: Plan, states: Mapping[str, str], forecast: _Forecast) -> Table:
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
    names = ["variant"] * bool(plan.variants) + ["point"] * bool(plan.axes)
    for heading in ("run", *names):
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
        place = [row.variant] * bool(plan.variants) + [point_label(point)] * bool(plan.axes)
        table.add_row(row.run_id, *map(rich_text, place), *words, status)
    return table


def _forecast(
    specs: Mapping[str, RunSpec],
    timed: set[str],
    threads: int,
    at_run: Callable[[int], None],
) -> _Forecast:
    book = CostBook()
    paces: dict[Hashable, Pace | None] = {}
    costs: dict[str, _Costs] = {}
    failures: dict[str, list[str]] = {}
    for number, (run_id, spec) in enumerate(specs.items(), start=1):
        at_run(number)
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
    return f"run {and_others(runs)}"


def _tuning_note(tuner: Tuner, out: Path | None) -> str:
    """What is tried before the comparison, and how much of it is done, in a sentence."""
    spec, studies = tuner.spec, tuner.plan("").studies
    space = ", ".join(f"{path} {range_label(each)}" for path, each in spec.space.items())
    seeds = " or ".join(str(seed) for seed in dict.fromkeys(study.seed for study in studies))
    total = spec.trials * len(studies)
    done = len(_trials(out))
    return (
        f"tuned by {spec.part.name}: {counted(spec.trials, 'trial')} of each of "
        f"{counted(len(studies), 'cell')} over {space}, with seed {seeds}: "
        f"{counted(total, 'trial')}{f', {done} of them done' if done else ''}; "
        "then the runs above, each with the best values of its cell"
    )


def _seconds_of_trials(plan: Plan, tuner: Tuner, out: Path | None, forecast: _Forecast) -> float:
    """Each cell's trials that are not done, at the pace of its run as written."""
    paces = {
        cell_key(row.variant, row.point): forecast.costs[row.run_id].seconds for row in plan.runs
    }
    done = Counter(trial.tried.study for trial in _trials(out) if trial.tried is not None)
    return sum(
        (tuner.spec.trials - done[study.name])
        * (paces.get(cell_key(study.variant, study.point)) or 0.0)
        for study in tuner.plan("").studies
    )


def _trials(out: Path | None) -> list[Result]:
    """The trials in a directory that are at their end."""
    if out is None or not plan_path(out).exists():
        return []
    return [trial for trial in collect(out).trials if trial.state != "missing"]


def _tuned_states(plan: Plan, tuner: Tuner, out: Path | None) -> dict[str, str]:
    """As `_states`: the comparison's runs are known by their place, as their values are to come."""
    states = dict.fromkeys(plan.distinct(), "missing")
    if out is not None and plan_path(out).exists():
        refuse_lost_runs(out, tuner.plan(plan.name))
        known = {
            (cell_key(result.variant, result.point), result.seed): result.state
            for result in collect(out).results
        }
        for row in plan.runs:
            place = (cell_key(row.variant, row.point), row.seed)
            states[row.run_id] = known.get(place, "missing")
    return states


def _states(plan: Plan, out: Path | None) -> dict[str, str]:
    """Run id -> done, failed or missing."""
    states = dict.fromkeys(plan.distinct(), "missing")
    if out is not None and plan_path(out).exists():
        refuse_lost_runs(out, plan)
        states.update({result.run_id: result.state for result in collect(out).results})
    return states
