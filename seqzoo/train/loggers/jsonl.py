"""Logger `jsonl`: the run's metrics.jsonl, which reports draw their curves from."""

from __future__ import annotations

from typing import Any

from seqzoo.spec.run import RunSpec
from seqzoo.train.facts import Facts
from seqzoo.train.loggers.logger import Logger
from seqzoo.train.metrics_log import MetricsLog

__all__ = ["JsonlLogger"]


class JsonlLogger(Logger):
    """metrics.jsonl in the run's directory: one JSON object per line, on disk at every
    checkpoint."""

    name = "jsonl"
    essential = True
    _log: MetricsLog | None = None

    def started(self, spec: RunSpec, facts: Facts) -> None:
        """Opens the file; rows after the last checkpoint are cut off.

        Raises:
            RunError: it cannot be written.
        """
        self._log = MetricsLog(facts.directory / "metrics.jsonl", facts.resumed_at)

    def logged(self, row: dict[str, Any]) -> None:
        """Appends the row."""
        assert self._log is not None
        self._log.append(row)

    def evaluated(self, row: dict[str, Any]) -> None:
        """Appends the row."""
        self.logged(row)

    def saving(self, step: int) -> None:
        """Forces the rows to disk, since a resumed run does not write them again."""
        assert self._log is not None
        self._log.force_to_disk()

    def close(self) -> None:
        """Closes the file."""
        if self._log is not None:
            self._log.close()
