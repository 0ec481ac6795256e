"""The executor family: where the runs of a grid are done.

An executor knows nothing of plans and ledgers. The grid claims a run, hands it over as a `Job`
when there is a free worker, and waits for news. So one ledger, kept by the grid's own
process, serves worker processes here and workers on other machines alike.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from pydantic import PositiveInt

from seqzoo.grid.run.job import Job, News, Work
from seqzoo.spec import Part, PartSpec

__all__ = ["Executor"]


class Executor(Part, family="executor"):
    """Workers for the jobs of one grid. One `start`, then `submit` and `news`, then one `close`."""

    class Spec(PartSpec):
        """Settings every executor has.

        Attributes:
            workers: runs at a time; null for one a processor core.
        """

        workers: PositiveInt | None = None

    @abstractmethod
    def start(self, work: Work) -> None:
        """Make ready to do `work(job, send)`, a function that pickles, for each submitted job."""

    @abstractmethod
    def free(self) -> int:
        """How many jobs can be submitted now and will start at once."""

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Give a job to a free worker."""

    @abstractmethod
    def news(self, timeout: float) -> Sequence[News]:
        """What happened since the last call; waits at most `timeout` seconds for the first.

        Every job ends in one `Finished`, `Busy` or `Lost`, unless it was stopped.
        """

    @abstractmethod
    def stop(self, job: Job) -> None:
        """End a job at once, in the middle of whatever it does. No news of it follows."""

    @abstractmethod
    def close(self) -> None:
        """End all workers at once, in the middle of whatever they do."""
