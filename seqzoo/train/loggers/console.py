"""Logger `console`: one live line on a terminal, plain lines anywhere else."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from seqzoo.errors import counted
from seqzoo.escape import rich_text, visible
from seqzoo.spec import PartSpec
from seqzoo.spec.run import RunSpec
from seqzoo.thousands import thousands
from seqzoo.train.facts import Facts
from seqzoo.train.loggers.logger import Logger
from seqzoo.train.record import GroupFacts, Record

__all__ = ["ConsoleLogger"]

PAUSE_S = 10.0  # plain lines about training steps come no faster; evaluations all have their line


class ConsoleLogger(Logger):
    """Shows a run to a person: steps, loss, the task's metric, tokens a second, time left."""

    name = "console"

    def __init__(
        self,
        spec: PartSpec,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make one.

        Args:
            spec: has no settings.
            console: where; it knows whether it is a terminal, and how wide. None shows nothing.
            clock: seconds, for the pace of plain lines and the time left.
        """
        console = console or Console(file=io.StringIO(), quiet=True)
        super().__init__(spec, console)
        self._console = console
        self._clock = clock
        self._bar = Progress(
            BarColumn(bar_width=None),
            TextColumn("{task.fields[steps]}", markup=False),
            TextColumn("{task.fields[loss]}", markup=False),
            TextColumn("{task.fields[metric]}", markup=False),
            TextColumn("{task.fields[rate]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=console,
            expand=True,
            transient=True,
            disable=not console.is_terminal,
        )
        self._line: TaskID | None = None
        self._total = self._resumed_at = 0
        self._metric = ""
        self._began_at = self._told_at = 0.0

    def started(self, spec: RunSpec, facts: Facts) -> None:
        """One heading, then the live line."""
        self._total, self._metric = spec.train.steps, facts.metric.name
        self._resumed_at = facts.resumed_at
        self._began_at = self._told_at = self._clock()
        self._print(
            f"{spec.name or 'run'} ({facts.run_id}) on {spec.task.part.name}: "
            f"{facts.parameters:,} parameters, {_state(facts.state_size)}, {facts.device.kind}"
        )
        if any(group.lr != 1 for group in facts.groups):
            self._print(f"learning rates: {', '.join(map(_treatment, facts.groups))}")
        for note in facts.notes:
            self._print(f"data: {note}")
        for warning in facts.warnings:
            self._print(f"warning: {warning}")
        if facts.resumed_at:
            self._print(f"resumed after step {facts.resumed_at:,}")
        empty: dict[str, Any] = dict.fromkeys(("loss", "metric", "rate"), "")
        steps = self._steps(facts.resumed_at)
        self._line = self._bar.add_task(
            "", total=self._total, completed=facts.resumed_at, steps=steps, **empty
        )
        self._bar.start()

    def logged(self, row: dict[str, Any]) -> None:
        """Updates the live line; prints a plain line if the last one was a while ago."""
        loss, rate = _loss(row), f"{thousands(row['tokens_per_s'])} tokens/s"
        self._move(row["step"], {"loss": loss, "rate": rate})
        if self._clock() - self._told_at >= PAUSE_S:
            self._tell(row["step"], loss, rate, f"{self._time_left(row['step'])} left")

    def evaluated(self, row: dict[str, Any]) -> None:
        """Updates the metric on the live line; prints a plain line with every metric."""
        self._move(row["step"], {"metric": visible(f"{self._metric} {row[self._metric]:#.4g}")})
        names = [name for name in row if name not in ("kind", "step", "wall_s")]
        self._tell(row["step"], "test", *(f"{name} {row[name]:#.4g}" for name in names))

    def finished(self, record: Record) -> None:
        """Removes the live line, and prints how the run ended."""
        self._bar.stop()
        self.found(record)

    def close(self) -> None:
        """Restores the terminal, however the run ended."""
        self._bar.stop()

    def found(self, record: Record) -> None:
        """Prints in one line how the run ended."""
        metrics = ", ".join(f"{name} {value:#.4g}" for name, value in record.metrics.items())
        ended = record.status
        if record.target is not None and record.status == "done":
            target = f"{record.metric.name} {record.target:g}"
            if record.reached_at is None:
                ended = f"{target} not reached"
            else:
                ended = f"{target} reached"
        timings = record.timings
        self._print(
            f"{ended} after {counted(record.steps, 'step')}: {metrics or 'no evaluation'} "
            f"({timings.wall_s:,.0f} s, {thousands(timings.tokens_per_s)} tokens/s)"
        )

    def _move(self, step: int, fields: dict[str, Any]) -> None:
        if self._line is not None:
            self._bar.update(self._line, completed=step, steps=self._steps(step), **fields)

    def _tell(self, step: int, *words: str) -> None:
        if not self._console.is_terminal:
            self._print("  ".join((self._steps(step), *words)))
        self._told_at = self._clock()

    def _print(self, text: str) -> None:
        # A plain line is one line, however long: logs are searched by line.
        self._console.print(
            rich_text(text), highlight=False, soft_wrap=not self._console.is_terminal
        )

    def _steps(self, step: int) -> str:
        return f"{step:,}/{self._total:,}"

    def _time_left(self, step: int) -> str:
        elapsed, done = self._clock() - self._began_at, step - self._resumed_at
        minutes, seconds = divmod(round(elapsed / max(1, done) * (self._total - step)), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _loss(row: dict[str, Any]) -> str:
    """The loss, and what layers add to it: `loss 1.234 + balance 0.01000`."""
    added = [
        f"{name.removeprefix('loss/')} {value:#.4g}"
        for name, value in row.items()
        if name.startswith("loss/")
    ]
    return " + ".join((f"loss {row['loss']:#.4g}", *added))


def _state(size: int | None) -> str:
    return "no state" if size is None else f"state {size:,}"


def _treatment(group: GroupFacts) -> str:
    """Such as `64 x 2 without decay`."""
    return f"{group.parameters:,} x {group.lr:g}{'' if group.decay else ' without decay'}"
