"""The state of a grid when its process ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqzoo.grid.plan.tuner import States, Tuner
from seqzoo.grid.run.known import KnownPlan
from seqzoo.grid.run.ledger import LedgerRow

__all__ = ["Failure", "Outcome", "outcome_of"]


@dataclass(frozen=True)
class Failure:
    """A run that failed: variant, point and seed; the error in one line; its directory."""

    label: str
    error: str
    directory: Path


@dataclass(frozen=True)
class Outcome:
    """The state of a grid when its process ends.

    Attributes:
        total: distinct runs of the plan.
        done: runs that are done, by this and all earlier processes.
        failures: runs whose last attempt failed.
        interrupted: whether it was stopped early; the same command resumes.
    """

    total: int
    done: int
    failures: tuple[Failure, ...]
    interrupted: bool


def outcome_of(
    rows: Sequence[LedgerRow], known: KnownPlan, tuner: Tuner | None, *, was_stopped: bool
) -> Outcome:
    """The outcome according to the ledger, and to the tuner for runs not planned yet.

    Args:
        rows: all rows of the ledger.
        known: a plan that has all of them.
        tuner: None if nothing is tuned.
        was_stopped: whether the user stopped it.
    """
    to_come = tuner.to_come(known.plan) if tuner is not None else 0
    return Outcome(
        total=len(rows) + to_come,
        done=sum(row.state == "done" for row in rows),
        failures=tuple(_failures(rows, known, tuner)),
        interrupted=any(row.state in ("planned", "running") for row in rows)
        or (was_stopped and to_come > 0),
    )


def _failures(
    rows: Sequence[LedgerRow], known: KnownPlan, tuner: Tuner | None
) -> Iterator[Failure]:
    for row in rows:
        if row.state == "failed" and not known.is_answer(row.run_id):
            yield Failure(known.labels[row.run_id], row.error or "", known.place(row.run_id))
    if tuner is not None:
        states: States = {row.run_id: row.state for row in rows}
        for study in tuner.without_result(known.plan, states):
            yield Failure(study.name, "all its trials failed", known.directory)
