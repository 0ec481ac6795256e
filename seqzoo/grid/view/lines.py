"""A view for logs and pipes: one plain line per event."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from textwrap import indent

from rich.console import Console

from seqzoo.errors import counted
from seqzoo.escape import visible_lines
from seqzoo.grid.plan.failure import failure_path
from seqzoo.grid.run.job import Finished, Job, Lost, Progress
from seqzoo.grid.run.ledger import Counts
from seqzoo.grid.view.board import Board, duration

__all__ = ["LineView"]

QUIET_SECONDS = 30.0


class LineView(Board):
    """Prints ends and errors at once, and the grid's progress every 30 seconds."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        console.on_broken_pipe = self._hush  # rich's own ends the process
        self._last = time.monotonic()

    def opened(self, counts: Counts, max_steps: Mapping[str, int]) -> None:
        """Print the number of runs."""
        super().opened(counts, max_steps)
        total = counted(self.counts.total, "run")
        self._say(f"{total}: {counts.done} done, {counts.planned} to do")

    def progress(self, news: Progress) -> None:
        """Print the grid's progress if nothing was printed for a while."""
        super().progress(news)
        if time.monotonic() - self._last > QUIET_SECONDS:
            self._say(f"{self._ended()} {len(self.lines)} running{self._left()}")

    def finished(self, news: Finished, counts: Counts) -> None:
        """Print how the run ended."""
        line = self.lines.get(news.job.claim)
        super().finished(news, counts)
        if news.error is None:
            took = f", {duration(time.monotonic() - line.since)}" if line else ""
            self._say(f"{self._ended()} done: {news.job.label}: {news.summary}{took}")
        else:
            self._failed(news)

    def _failed(self, news: Finished) -> None:
        """Print the error with its traceback, once for runs that fail alike."""
        told = self.failed_like(news)
        if told is not None:
            self._say(
                f"{self._ended()} failed: {news.job.label}: as '{told.first}' did, "
                f"{told.times} times now"
            )
            return
        self._say(f"{self._ended()} failed: {news.job.label}: {news.error}")
        if news.traceback and not news.expected:
            self._say(indent(news.traceback.rstrip(), "    "))
        self._say(f"    {failure_path(news.job.directory)}")

    def lost(self, news: Lost) -> None:
        """Print that the run will be resumed."""
        super().lost(news)
        self._say(f"{self._ended()} taken up again: {news.job.label}: {news.how}")

    def taken(self, job: Job) -> None:
        """Print that another process has taken the run."""
        super().taken(job)
        self._say(f"{self._ended()} left to another process: {job.label}")

    def waiting(self, owners: Sequence[str]) -> None:
        """Print which processes the grid waits for."""
        self._say(f"waiting for {'; '.join(owners)}")

    def stopping(self, at_hand: int) -> None:
        """Print what Ctrl-C does."""
        self._say(
            f"finishing {counted(at_hand, 'current run')}; Ctrl-C again stops them, resumable"
        )

    def _ended(self) -> str:
        ended = self.counts.done + self.counts.failed
        return f"[{ended:>{len(str(self.counts.total))}}/{self.counts.total}]"

    def _left(self) -> str:
        left = self.seconds_left()
        return f", about {duration(left)} left" if left else ""

    def _say(self, text: str) -> None:
        self._last = time.monotonic()
        if self._console.quiet:
            return
        try:
            self._console.print(
                visible_lines(text), markup=False, highlight=False, emoji=False, soft_wrap=True
            )
        except (OSError, ValueError):  # the file is closed, or its disk is full
            self._hush()

    def _hush(self) -> None:
        """Stop printing because nobody reads it; the runs go on."""
        self._console.quiet = True
