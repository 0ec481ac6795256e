"""The state behind the views of a running grid: current runs, totals, time left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from seqzoo.grid.plan.failure import kind_of_failure
from seqzoo.grid.run.job import Finished, Job, Lost, Progress
from seqzoo.grid.run.ledger import Counts
from seqzoo.grid.run.view import View

__all__ = ["Board", "Line", "Told", "duration"]


def duration(seconds: float) -> str:
    """A duration in words.

    >>> duration(8.2), duration(75), duration(7300)
    ('8 s', '1 min 15 s', '2 h 2 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@dataclass(frozen=True)
class Told:
    """A kind of failure: the first run that had it, and how many have."""

    first: str
    times: int


@dataclass
class Line:
    """A running run: its job, its start (monotonic seconds), and its progress."""

    job: Job
    since: float
    max_steps: int
    step: int | None = None
    loss: float | None = None
    metric: str = ""


class Board(View):
    """Keeps the running lines, the totals and the time left; views derive from it."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.lines: dict[str, Line] = {}
        self._max_steps: Mapping[str, int] = {}
        self._steps_done = 0
        self._since: float | None = None
        self._told: dict[str, Told] = {}

    def opened(self, counts: Counts, max_steps: Mapping[str, int]) -> None:
        """Set the totals and the sizes."""
        self.counts, self._max_steps = counts, max_steps

    def counted(self, counts: Counts) -> None:
        """Update the totals."""
        self.counts = counts

    def started(self, job: Job) -> None:
        """Add a line."""
        now = time.monotonic()
        self._since = self._since or now
        max_steps = self._max_steps.get(job.run_id, 0)
        self.lines[job.claim] = Line(job, since=now, max_steps=max_steps)

    def progress(self, news: Progress) -> None:
        """Update a line."""
        line = self.lines[news.job.claim]
        if line.step is not None:  # the first is where the run starts or resumes
            self._steps_done += news.step - line.step
        line.step = news.step
        line.loss = line.loss if news.loss is None else news.loss
        if news.metric is not None:
            line.metric = f"{news.metric_name} {news.metric:.3f}"

    def finished(self, news: Finished, counts: Counts) -> None:
        """Close a line."""
        self.counts = counts
        self.lines.pop(news.job.claim, None)

    def failed_like(self, news: Finished) -> Told | None:
        """Earlier runs with the same error; None for the first, which is shown in full."""
        assert news.error is not None
        kind = kind_of_failure(news.error, news.job.run_id)
        before = self._told.get(kind)
        times = before.times + 1 if before else 1
        told = Told(before.first if before else news.job.label, times)
        self._told[kind] = told
        return told if before else None

    def lost(self, news: Lost) -> None:
        """Close a line."""
        self.lines.pop(news.job.claim, None)

    def taken(self, job: Job) -> None:
        """Close a line."""
        self.lines.pop(job.claim, None)

    def seconds_left(self) -> float | None:
        """Time left at the present rate if no run stops early; None before there is a rate."""
        if self._since is None or self._steps_done == 0 or not self._max_steps:
            return None
        mean = sum(self._max_steps.values()) / len(self._max_steps)
        begun = sum(line.max_steps - (line.step or 0) for line in self.lines.values())
        others = self.counts.planned + self.counts.running - len(self.lines)
        rate = self._steps_done / (time.monotonic() - self._since)
        return (begun + max(0, others) * mean) / rate
