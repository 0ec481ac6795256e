"""The calls that whoever watches a grid at work receives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seqzoo.grid.run.job import Finished, Job, Lost, Progress
from seqzoo.grid.run.ledger import Counts

__all__ = ["View"]


class View:
    """Is told what happens; does nothing with it."""

    def opened(self, counts: Counts, max_steps: Mapping[str, int]) -> None:
        """The grid starts: runs by state, and run id -> steps at most."""

    def counted(self, counts: Counts) -> None:
        """Runs by state now, those of other processes on this directory among them."""

    def started(self, job: Job) -> None:
        """A run is in the hands of a worker."""

    def progress(self, news: Progress) -> None:
        """A run has come further."""

    def finished(self, news: Finished, counts: Counts) -> None:
        """A run is done or has failed."""

    def lost(self, news: Lost) -> None:
        """A worker died; its run is taken up again."""

    def taken(self, job: Job) -> None:
        """Another process has this run now."""

    def waiting(self, owners: Sequence[str]) -> None:
        """Nothing is left to do here but to wait for the runs of these other processes."""

    def stopping(self, at_hand: int) -> None:
        """The user wants to stop; so many runs are finished first."""

    def closed(self) -> None:
        """The grid ends."""
