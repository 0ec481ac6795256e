"""The view for a terminal: a line per running run, totals, time left; failures stay above."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from seqzoo.errors import counted
from seqzoo.escape import rich_text, visible, visible_lines
from seqzoo.grid.plan.failure import failure_path
from seqzoo.grid.run.job import Finished, Job, Lost
from seqzoo.grid.run.ledger import Counts
from seqzoo.grid.run.view import View
from seqzoo.grid.view.board import Board, Line, duration
from seqzoo.grid.view.lines import LineView

__all__ = ["LiveView", "view_for"]

LONGEST_BAR, SHORTEST_BAR = 16, 4


def view_for(console: Console) -> View:
    """The live view on a terminal, plain lines elsewhere."""
    return LiveView(console) if console.is_terminal else LineView(console)


class LiveView(Board):
    """Redraws the board four times a second, below everything printed so far."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._stopping = False
        self._live = Live(
            console=console,
            get_renderable=lambda: self.render(console.width),
            refresh_per_second=4,
            transient=True,
            vertical_overflow="ellipsis",
        )

    def opened(self, counts: Counts, max_steps: Mapping[str, int]) -> None:
        """Start drawing."""
        super().opened(counts, max_steps)
        self._live.start()

    def finished(self, news: Finished, counts: Counts) -> None:
        """Print a failure above the board with its traceback, once for runs that fail alike."""
        super().finished(news, counts)
        if news.error is None:
            return
        told = self.failed_like(news)
        if told is not None:
            what = f"{news.job.label}: as '{told.first}' did, {told.times} times now"
            self._say(Text("failed ", "bold red") + rich_text(what))
            return
        self._say(Text("failed ", "bold red") + rich_text(f"{news.job.label}: {news.error}"))
        if news.traceback and not news.expected:
            traceback = visible_lines(news.traceback.rstrip())
            self._say(Text(indent(traceback, "       "), style="dim"))
        self._say(rich_text(f"       {failure_path(news.job.directory)}", "dim"))

    def lost(self, news: Lost) -> None:
        """Print the loss above the board."""
        super().lost(news)
        self._say(rich_text(f"taken up again {news.job.label}: {news.how}", "yellow"))

    def taken(self, job: Job) -> None:
        """Keep it above the board."""
        super().taken(job)
        self._say(rich_text(f"left to another process {job.label}", "yellow"))

    def waiting(self, owners: Sequence[str]) -> None:
        """Keep it above the board."""
        self._say(rich_text(f"waiting for {'; '.join(owners)}", style="yellow"))

    def stopping(self, at_hand: int) -> None:
        """Show in the totals what Ctrl-C does."""
        self._stopping = True

    def closed(self) -> None:
        """Clear the board."""
        self._live.stop()

    def render(self, width: int) -> RenderableType:
        """The board in `width` characters; where room is scarce, bars shrink first, labels last."""
        now = time.monotonic()
        rows = [_row(line, now) for line in list(self.lines.values())]  # drawn by another thread
        if not rows:
            return self._totals()
        columns = zip(*(row.texts for row in rows), strict=True)
        widths = [max(map(cell_len, column)) for column in columns]
        room = width - sum(widths[1:]) - 4  # gaps between five columns
        bar = max(SHORTEST_BAR, min(LONGEST_BAR, room - widths[0]))
        table = Table.grid(padding=(0, 1, 0, 0))
        for place, column in enumerate((room - bar, bar, *widths[1:])):
            is_text = place in (0, 3)
            table.add_column(width=column, no_wrap=True, justify="left" if is_text else "right")
        for row in rows:
            label, count, said, since = row.texts
            table.add_row(
                Text(_cut(label, room - bar)),
                ProgressBar(total=row.total, completed=row.step, width=bar),
                Text(count),
                Text(said),
                Text(since, style="dim"),
            )
        return Group(table, self._totals())

    def _totals(self) -> Text:
        counts = self.counts
        text = Text(f"{counts.done} of {counted(counts.total, 'run')} done", style="bold")
        if counts.failed:
            text.append(f", {counts.failed} failed", style="bold red")
        elsewhere = counts.running - len(self.lines)
        if elsewhere > 0:
            text.append(f", {elsewhere} running in other processes")
        left = self.seconds_left()
        if self._stopping:
            text.append("; finishing these, Ctrl-C again stops them, resumable", style="yellow")
        elif left:
            text.append(f", about {duration(left)} left")
        return text

    def _say(self, text: Text) -> None:
        self._live.console.print(text, soft_wrap=True)


@dataclass(frozen=True)
class _Row:
    """A current run: label, count, its last news and since when, and its progress."""

    texts: tuple[str, str, str, str]
    step: int
    total: int


def _row(line: Line, now: float) -> _Row:
    step, total = line.step or 0, max(1, line.max_steps)
    said = "" if line.loss is None else f"loss {line.loss:.3f}"
    said = "starting" if line.step is None else line.metric or said
    count = f"{step:,}/{line.max_steps:,}"
    label = visible(line.job.label)
    return _Row((label, count, visible(said), duration(now - line.since)), step, total)


def _cut(label: str, width: int) -> str:
    """The label, cut in its middle where it is too long: its end, the seed, distinguishes runs."""
    if len(label) <= width:
        return label
    end = label[label.rfind(", ") :] if ", " in label else ""
    kept = width - len(end) - 1
    return f"{label[:kept]}…{end}" if kept > 0 else label[:width]
