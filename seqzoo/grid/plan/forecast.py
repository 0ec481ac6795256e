"""What the runs of a plan cost: parameters, state and time, before anything is run."""

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
    """What one run costs; None for what cannot be counted or was not timed.

    Attributes:
        parameters: of the model.
        state_size: elements carried a sequence at the task's length; None too where a mixer carries
            no state.
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
        shapes: how many distinct shapes were timed.
        failures: what could not be counted or timed, and why, a sentence each.
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
        threads: that a run would compute on.
        at_run: called with 1, 2, ... before each run is looked at.
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
