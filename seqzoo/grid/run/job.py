"""The messages between a grid and its workers: jobs out, news back. All are picklable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Busy", "Finished", "Job", "Lost", "News", "Progress", "Send", "Started", "Work"]


@dataclass(frozen=True)
class Job:
    """One claimed run.

    Attributes:
        run_id: the run.
        claim: the claim's token; news of older claims is ignored.
        spec: the resolved run spec, as plain data.
        directory: where the run writes its files.
        label: variant, point and seed, for messages.
        attempt: 1 for the first.
    """

    run_id: str
    claim: str
    spec: Mapping[str, Any]
    directory: Path
    label: str
    attempt: int


@dataclass(frozen=True)
class Started:
    """A worker has started the job; names its host and process."""

    job: Job
    host: str
    pid: int


@dataclass(frozen=True)
class Progress:
    """A running job's last step, with the metric if it was evaluated there."""

    job: Job
    step: int
    loss: float | None = None
    metric_name: str | None = None
    metric: float | None = None


@dataclass(frozen=True)
class Finished:
    """A job has ended.

    Attributes:
        job: the job.
        error: None if the run is done, else the error in one line.
        traceback: the full traceback, "" if there is none.
        summary: a few words on a finished run, such as `accuracy 0.998 at step 1,500`.
        expected: whether the error is one of seqzoo's own, to which a traceback adds nothing.
        no_room: whether it failed because the disk is full, so no other run can succeed either.
    """

    job: Job
    error: str | None = None
    traceback: str = ""
    summary: str = ""
    expected: bool = False
    no_room: bool = False


@dataclass(frozen=True)
class Busy:
    """The job was not done: another process trains in its directory."""

    job: Job


@dataclass(frozen=True)
class Lost:
    """The worker died during the job; `how` says what is known about it."""

    job: Job
    how: str


News = Started | Progress | Finished | Busy | Lost
Send = Callable[[News], None]
Work = Callable[[Job, Send], None]
