"""The calls that an observer of a running grid receives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seqzoo.grid.run.job import Finished, Job, Lost, Progress
from seqzoo.grid.run.ledger import Counts

__all__ = ["View"]


class View:
    """An observer of a running grid; this base does nothing."""

    def opened(self, counts: Counts, max_steps: Mapping[str, int]) -> None:
        """The grid starts: runs by state, and run id -> maximal number of steps."""

    def counted(self, counts: Counts) -> None:
        """Runs by state, including those of other processes on this directory."""

    def started(self, job: Job) -> None:
        """A worker has started a run."""

    def progress(self, news: Progress) -> None:
        """A run has made progress."""

    def finished(self, news: Finished, counts: Counts) -> None:
        """A run is done or has failed."""

    def lost(self, news: Lost) -> None:
        """A worker died; its run will be resumed."""

    def taken(self, job: Job) -> None:
        """Another process has taken this run."""

    def waiting(self, owners: Sequence[str]) -> None:
        """Only runs of these other processes are left to wait for."""

    def stopping(self, at_hand: int) -> None:
        """The user wants to stop; `at_hand` runs are finished first."""

    def closed(self) -> None:
        """The grid ends."""
