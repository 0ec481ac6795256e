"""Run commands one after another; one that fails stops only those that need it.

Only the standard library is used here: it runs before anything is installed.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

GRACE = 10.0
"""Seconds that a stage has to end at the deadline, before it is killed."""

OVER = "the time was over; the same command goes on"
"""Why a stage was stopped or skipped at the deadline."""


@dataclass(frozen=True)
class Stage:
    """A command with a name.

    Args:
        group: whose line of the summary it stands on.
        name: what it does, told apart from the others of its group.
        command: the program and its arguments.
        needs: names of stages of its group without whose success it is skipped.
        environment: variables added to those of the process.
        output: where its standard output goes, if not to this process's.
    """

    group: str
    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    output: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """The outcome of a stage.

    Attributes:
        stage: the stage.
        status: done, failed, skipped, or stopped at the deadline.
        why: its exit status, what it needed, or what went wrong; "" if it was done in this call.
        seconds: how long it ran.
    """

    stage: Stage
    status: str
    why: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        told = f"{self.stage.name} {self.status}" + (f" ({self.why})" if self.why else "")
        return told if self.status == "skipped" else f"{told}, {self.seconds:.0f} s"


def run_stages(
    stages: Iterable[Stage],
    folder: Path,
    *,
    finished: Collection[tuple[str, str]] = (),
    deadline: float = float("inf"),
    keep: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Runs every stage in its order, in `folder`, and prints which one it is at.

    An interrupt from the keyboard ends the stage at hand and skips the rest: what was found until
    then is still told.

    Args:
        stages: to run.
        folder: where they run.
        finished: the (group, name) of stages that an earlier call has done; they are not run.
        deadline: of `time.monotonic()`; the stage at hand is ended there, the rest is skipped.
        keep: is given each outcome as it comes.
    """
    outcomes: list[Outcome] = []
    done: set[tuple[str, str]] = set()
    interrupted = False
    for stage in stages:
        missing = [name for name in stage.needs if (stage.group, name) not in done]
        if (stage.group, stage.name) in finished:
            outcome = Outcome(stage, "done", "in an earlier call")
        elif interrupted:
            outcome = Outcome(stage, "skipped", "interrupted")
        elif time.monotonic() >= deadline:
            outcome = Outcome(stage, "skipped", OVER)
        elif missing:
            outcome = Outcome(stage, "skipped", f"needs {missing[0]}")
        else:
            print(f"== {stage.group}: {stage.name}\n$ {shlex.join(stage.command)}", flush=True)
            outcome = _run(stage, folder, deadline)
            interrupted = outcome.why == "interrupted"
        if outcome.status == "done":
            done.add((stage.group, stage.name))
        outcomes.append(outcome)
        keep(outcome)
    return outcomes


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """One line per group, in the order in which they began."""
    told: dict[str, list[str]] = {}
    for outcome in outcomes:
        told.setdefault(outcome.stage.group, []).append(str(outcome))
    return [f"{group}: {'; '.join(lines)}" for group, lines in told.items()]


def exit_status(outcomes: Sequence[Outcome]) -> int:
    """0 if every stage was done, else 1."""
    return int(any(outcome.status != "done" for outcome in outcomes))


def _run(stage: Stage, folder: Path, deadline: float) -> Outcome:
    environment = os.environ | dict(stage.environment)
    start = time.monotonic()
    left = None if deadline == float("inf") else max(1.0, deadline - start)
    status = "failed"
    try:
        if stage.output is None:
            why = _wait(stage, folder, environment, None, left)
        else:
            stage.output.parent.mkdir(parents=True, exist_ok=True)
            with stage.output.open("w", encoding="utf-8") as output:
                why = _wait(stage, folder, environment, output, left)
    except OSError as error:
        why = str(error)
    except KeyboardInterrupt:
        why = "interrupted"
    except subprocess.TimeoutExpired:
        status, why = "stopped", OVER
    return Outcome(stage, status if why else "done", why, time.monotonic() - start)


def _wait(
    stage: Stage, folder: Path, environment: Mapping[str, str], output: IO[str] | None,
    left: float | None,
) -> str:  # fmt: skip
    """Why the command failed, or ""; at its end nothing that it started runs on."""
    process = subprocess.Popen(
        stage.command, cwd=folder, env=environment, stdout=output, start_new_session=True
    )
    try:
        status = process.wait(left)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        os.killpg(process.pid, signal.SIGINT)  # what it keeps at an interrupt is kept
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        raise
    return f"exit status {status}" if status else ""
