"""Commands run one after another: each is told, and one that fails stops only those that need it.

Only the standard library is used here: it runs before anything is installed.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


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
    """What became of a stage.

    Attributes:
        stage: the stage.
        status: done, failed or skipped.
        why: "" if done; else its exit status, what it needed, or what went wrong.
        seconds: how long it ran.
    """

    stage: Stage
    status: str
    why: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        told = f"{self.stage.name} {self.status}" + (f" ({self.why})" if self.why else "")
        return told if self.status == "skipped" else f"{told}, {self.seconds:.0f} s"


def run_stages(stages: Iterable[Stage], folder: Path) -> list[Outcome]:
    """Runs every stage in its order, in `folder`, and prints which one it is at.

    An interrupt from the keyboard ends the stage at hand and skips the rest: what was found until
    then is still told.
    """
    outcomes: list[Outcome] = []
    done: set[tuple[str, str]] = set()
    interrupted = False
    for stage in stages:
        missing = [name for name in stage.needs if (stage.group, name) not in done]
        if interrupted:
            outcome = Outcome(stage, "skipped", "interrupted")
        elif missing:
            outcome = Outcome(stage, "skipped", f"needs {missing[0]}")
        else:
            print(f"== {stage.group}: {stage.name}\n$ {shlex.join(stage.command)}", flush=True)
            outcome = _run(stage, folder)
            interrupted = outcome.why == "interrupted"
        if outcome.status == "done":
            done.add((stage.group, stage.name))
        outcomes.append(outcome)
    return outcomes


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """A line a group, in the order in which they began."""
    told: dict[str, list[str]] = {}
    for outcome in outcomes:
        told.setdefault(outcome.stage.group, []).append(str(outcome))
    return [f"{group}: {'; '.join(lines)}" for group, lines in told.items()]


def exit_status(outcomes: Sequence[Outcome]) -> int:
    """0 if every stage was done, else 1."""
    return int(any(outcome.status != "done" for outcome in outcomes))


def _run(stage: Stage, folder: Path) -> Outcome:
    environment = os.environ | dict(stage.environment)
    start = time.monotonic()
    try:
        if stage.output is None:
            ran = subprocess.run(stage.command, cwd=folder, env=environment)
        else:
            stage.output.parent.mkdir(parents=True, exist_ok=True)
            with stage.output.open("w", encoding="utf-8") as output:
                ran = subprocess.run(stage.command, cwd=folder, env=environment, stdout=output)
        why = f"exit status {ran.returncode}" if ran.returncode else ""
    except OSError as error:
        why = str(error)
    except KeyboardInterrupt:
        why = "interrupted"
    return Outcome(stage, "failed" if why else "done", why, time.monotonic() - start)
