"""Observers of a run while it trains: the console, loggers, a grid's heartbeat, tests."""

from __future__ import annotations

from typing import Any

from seqzoo.spec.run import RunSpec
from seqzoo.train.facts import Facts
from seqzoo.train.record import Record

__all__ = ["Watch"]


class Watch:
    """Called while a run trains; this base does nothing. Rows are those of metrics.jsonl."""

    def started(self, spec: RunSpec, facts: Facts) -> None:
        """Training starts, or resumes after `facts.resumed_at` steps."""

    def logged(self, row: dict[str, Any]) -> None:
        """A row about the last training steps."""

    def evaluated(self, row: dict[str, Any]) -> None:
        """A row with the metrics of an evaluation."""

    def saving(self, step: int) -> None:
        """The checkpoint after `step` steps is about to be written; earlier rows are final."""

    def saved(self, step: int) -> None:
        """The checkpoint after `step` steps is on disk."""

    def finished(self, record: Record) -> None:
        """The record is on disk; also called for a run that had already finished."""
