"""Do one planned run, in a process chosen by the executor."""

from __future__ import annotations

import errno
import time
import traceback
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from seqzoo.errors import SeqzooError, SpecError
from seqzoo.grid.run.job import Busy, Finished, Job, Progress, Send
from seqzoo.registry import Registry, load_registry
from seqzoo.spec.explain import problems_of
from seqzoo.spec.run import RunSpec
from seqzoo.train import Record, Watch, train
from seqzoo.train.directory import HeldError
from seqzoo.train.facts import Facts

__all__ = ["RunJob", "Train"]

Train = Callable[[RunSpec, Path, Watch], Record]
NEWS_SECONDS = 0.5
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def _train(spec: RunSpec, directory: Path, watch: Watch) -> Record:
    return train(spec, directory, watch=watch)


class RunJob:
    """Does jobs with the trainer. Picklable; loads the registry once in each process.

    Attributes:
        train: trains a run: the spec, the run's directory and an observer -> the record.
    """

    def __init__(self, train: Train = _train) -> None:
        self.train = train

    @cached_property
    def registry(self) -> Registry:
        """Built-ins and installed plugins."""
        return load_registry()

    def __call__(self, job: Job, send: Send) -> None:
        """Do the job; it always ends with one `Finished` or one `Busy`."""
        try:
            spec = self._spec(job)
            record = self.train(spec, job.directory, _Reporter(job, send))
        except HeldError:
            send(Busy(job))
            return
        except (Exception, SystemExit) as failure:  # any part may fail in any way
            send(
                Finished(
                    job,
                    error=_one_line(failure),
                    traceback=traceback.format_exc(),
                    expected=isinstance(failure, SeqzooError),
                    no_room=_is_no_room(failure),
                )
            )
            return
        metric = record.metrics.get(record.metric.name)
        value = "" if metric is None else f"{record.metric.name} {metric:.3f} "
        if record.status == "diverged":
            send(
                Finished(job, error=f"diverged: the loss was not finite after step {record.steps}")
            )
        else:
            send(Finished(job, summary=f"{value}at step {record.steps:,}"))

    def _spec(self, job: Job) -> RunSpec:
        try:
            spec = RunSpec.model_validate(dict(job.spec), context={"catalog": self.registry})
        except ValidationError as failure:
            problems = "; ".join(map(str, problems_of(failure)))
            raise SpecError(
                f"the plan's spec does not fit the installed parts: {problems}; install the "
                "versions the grid was planned with"
            ) from None
        if spec.run_id != job.run_id:
            raise SpecError(
                f"the plan's spec of run {job.run_id} is now that of run {spec.run_id}: the "
                "installed parts have other settings than those the grid was planned with; "
                "install their versions, or choose another --out"
            )
        return spec


def _one_line(failure: BaseException) -> str:
    """The error in one line; foreign errors are prefixed with their type."""
    text = str(failure) if isinstance(failure, SeqzooError) else repr(failure)
    return text.partition("\n")[0]


def _is_no_room(failure: BaseException | None) -> bool:
    while failure is not None:
        if isinstance(failure, OSError) and failure.errno in NO_ROOM:
            return True
        failure = failure.__cause__ or failure.__context__
    return False


class _Reporter(Watch):
    """Sends the run's progress: each evaluation, and other steps at most twice a second."""

    def __init__(self, job: Job, send: Send) -> None:
        self._job = job
        self._send = send
        self._metric = ""
        self._next = 0.0

    def started(self, spec: RunSpec, facts: Facts) -> None:
        self._metric = facts.metric.name
        self._send(Progress(self._job, step=facts.resumed_at))

    def logged(self, row: dict[str, Any]) -> None:
        if time.monotonic() >= self._next:
            self._tell(Progress(self._job, step=row["step"], loss=row.get("loss")))

    def evaluated(self, row: dict[str, Any]) -> None:
        self._tell(
            Progress(
                self._job,
                step=row["step"],
                metric_name=self._metric,
                metric=row.get(self._metric),
            )
        )

    def _tell(self, progress: Progress) -> None:
        self._next = time.monotonic() + NEWS_SECONDS
        self._send(progress)
