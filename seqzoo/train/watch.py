"""Who looks on while a run trains: a console, a logger, a grid's heartbeat, a test."""

from __future__ import annotations

from typing import Any

from seqzoo.spec.run import RunSpec
from seqzoo.train.facts import Facts
from seqzoo.train.record import Record

__all__ = ["Watch"]


class Watch:
    """Is told what happens; by itself it does nothing. Rows are those of metrics.jsonl."""

    def started(self, spec: RunSpec, facts: Facts) -> None:
        """Training begins, or goes on after `facts.resumed_at` steps."""

    def logged(self, row: dict[str, Any]) -> None:
        """A row about the last training steps."""

    def evaluated(self, row: dict[str, Any]) -> None:
        """A row with the metrics of an evaluation."""

    def saving(self, step: int) -> None:
        """The checkpoint after `step` steps is about to be written; what was told is final."""

    def saved(self, step: int) -> None:
        """The checkpoint after `step` steps is on disk."""

    def finished(self, record: Record) -> None:
        """The record is on disk; also called for a run that had finished before."""
