"""Forecast the costs of a plan's runs: parameters, state and time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Set
from dataclasses import dataclass

from seqzoo.errors import SeqzooError, and_others
from seqzoo.grid.match.costs import CostBook
from seqzoo.grid.plan.pace import Pace, pace_of, shape_of
from seqzoo.spec.run import RunSpec

__all__ = ["Forecast", "RunCosts", "forecast"]


@dataclass(frozen=True)
class RunCosts:
    """The costs of one run; None for anything that cannot be counted or was not timed.

    Attributes:
        parameters: of the model.
        state_size: elements carried by a sequence at the task's length; None also where a mixer
            carries no state.
        seconds: an estimate for a run that does not stop early.
    """

    parameters: int | None = None
    state_size: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Forecast:
    """The costs of many runs.

    Attributes:
        costs: run id -> costs.
        shapes: number of distinct shapes timed.
        failures: a sentence for each run that could not be counted or timed, with the reason.
    """

    costs: Mapping[str, RunCosts]
    shapes: int
    failures: tuple[str, ...]


def forecast(
    specs: Mapping[str, RunSpec], timed: Set[str], threads: int, at_run: Callable[[int], None]
) -> Forecast:
    """Count every run, and time a few steps of each distinct shape.

    Args:
        specs: run id -> spec.
        timed: ids of the runs to time.
        threads: CPU threads of a run.
        at_run: called with 1, 2, ... before each run.
    """
    book = CostBook()
    paces: dict[Hashable, Pace | None] = {}
    costs: dict[str, RunCosts] = {}
    failures: dict[str, list[str]] = {}
    for number, (run_id, spec) in enumerate(specs.items(), start=1):
        at_run(number)
        try:
            parameters = int(book.count(spec, "parameters"))
            state_size = int(book.count(spec, "state")) if book.streams(spec) else None
        except (SeqzooError, ValueError) as failure:
            failures.setdefault(f"cannot be counted: {failure}", []).append(run_id)
            costs[run_id] = RunCosts()
            continue
        shape = shape_of(spec)
        if run_id in timed and shape not in paces:
            try:
                paces[shape] = pace_of(spec, threads)
            except (SeqzooError, ValueError) as failure:
                failures.setdefault(f"cannot be timed: {failure}", []).append(run_id)
                paces[shape] = None
        pace = paces.get(shape) if run_id in timed else None
        costs[run_id] = RunCosts(parameters, state_size, pace.seconds(spec) if pace else None)
    shapes = sum(pace is not None for pace in paces.values())
    told = [f"run {and_others(runs)} {failure}" for failure, runs in failures.items()]
    return Forecast(costs, shapes, tuple(told))
