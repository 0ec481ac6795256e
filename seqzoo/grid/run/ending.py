"""How a grid stands when its process ends."""

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
    """How a grid stands when its process ends.

    Attributes:
        total: distinct runs of the plan.
        done: runs that are done, of this and all earlier processes.
        failures: runs whose last attempt failed.
        interrupted: it was stopped before every run had its turn; the same command resumes.
    """

    total: int
    done: int
    failures: tuple[Failure, ...]
    interrupted: bool


def outcome_of(
    rows: Sequence[LedgerRow], known: KnownPlan, tuner: Tuner | None, *, was_stopped: bool
) -> Outcome:
    """What the ledger says of all runs, and the tuner of those that are to come.

    Args:
        rows: the whole ledger.
        known: a plan that has all of them.
        tuner: None if nothing is tuned.
        was_stopped: the user asked for it.
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
