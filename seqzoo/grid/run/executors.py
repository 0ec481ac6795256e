"""The executor family: where the runs of a grid execute.

An executor knows nothing of plans and ledgers. The grid claims a run, hands it over as a `Job`
when a worker is free, and waits for news. So one ledger, kept by the grid's own process, serves
local worker processes and workers on other machines alike.
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
            workers: runs at a time; null for one per processor core.
        """

        workers: PositiveInt | None = None

    @abstractmethod
    def start(self, work: Work) -> None:
        """Prepare to call `work(job, send)`, a picklable function, for each submitted job."""

    @abstractmethod
    def free(self) -> int:
        """How many jobs would start at once if submitted now."""

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Give a job to a free worker."""

    @abstractmethod
    def news(self, timeout: float) -> Sequence[News]:
        """The news since the last call; waits at most `timeout` seconds for the first.

        Every job ends with one `Finished`, `Busy` or `Lost`, unless it was stopped.
        """

    @abstractmethod
    def stop(self, job: Job) -> None:
        """Kill a job at once. No news of it follows."""

    @abstractmethod
    def close(self) -> None:
        """Kill all workers at once."""
