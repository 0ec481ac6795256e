"""What passes between a grid and its workers: jobs out, news back. All of it pickles."""

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
        run_id: which run.
        claim: token of the claim; news of an older claim is not listened to.
        spec: the resolved run spec, as plain data.
        directory: where the run leaves its files.
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
    """A worker has taken up the job: where it lives."""

    job: Job
    host: str
    pid: int


@dataclass(frozen=True)
class Progress:
    """A running job's last step, and the metric where it was evaluated."""

    job: Job
    step: int
    loss: float | None = None
    metric_name: str | None = None
    metric: float | None = None


@dataclass(frozen=True)
class Finished:
    """A job came to its end.

    Attributes:
        job: which.
        error: None if the run is done; else one line that says what happened.
        traceback: the whole of it, "" if there is none.
        summary: a few words on a run that is done, such as `accuracy 0.998 at step 1,500`.
        expected: the error is a sentence of seqzoo's own, to which the traceback adds nothing.
        no_room: it failed because nothing could be written, so no other run can succeed either.
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
    """The worker died with the job at hand; `how` says what is known of it."""

    job: Job
    how: str


News = Started | Progress | Finished | Busy | Lost
Send = Callable[[News], None]
Work = Callable[[Job, Send], None]
