"""What the grid's tests share: plans without parts, and an executor without processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from seqzoo.grid import Tuner, make_tuner
from seqzoo.grid.plan.plan import Plan, PlanRow
from seqzoo.grid.run.executors import Executor
from seqzoo.grid.run.job import Job, News, Started, Work
from seqzoo.registry import Registry
from seqzoo.spec.document import parse_document
from seqzoo.spec.grid import GridSpec


def row_of(run_id: str, **changes) -> PlanRow:
    facts = {"variant": run_id, "point": {}, "seed": 0, "spec": {"train": {"steps": 10}}}
    return PlanRow(run_id=run_id, **{**facts, **changes})


def plan_of(*runs: str | PlanRow) -> Plan:
    rows = tuple(row_of(run) if isinstance(run, str) else run for run in runs)
    variants = tuple(dict.fromkeys(row.variant for row in rows))
    return Plan(name="test", base=variants[0], variants=variants, axes=(), runs=rows)


def job_of(run_id: str, directory: Path, **spec) -> Job:
    return Job(run_id, f"claim-{run_id}", spec, directory, label=run_id, attempt=1)


def parsed_tuner(text: str, registry: Registry) -> Tuner:
    document = parse_document(text, "g.yaml")
    return make_tuner(document.validate(GridSpec, registry).written_in(document), registry)


class InlineExecutor(Executor):
    """Does one job whenever the news is asked for, in this process."""

    name = "inline"

    def __init__(self, workers: int = 2, pid: int | None = None) -> None:
        self.workers, self.pid = workers, pid
        self.waiting: deque[Job] = deque()
        self.stopped: list[Job] = []
        self.is_closed = False

    def start(self, work: Work) -> None:
        self.work = work

    def free(self) -> int:
        return self.workers - len(self.waiting)

    def submit(self, job: Job) -> None:
        self.waiting.append(job)

    def news(self, timeout: float) -> Sequence[News]:
        if not self.waiting:
            return ()
        job = self.waiting.popleft()
        heard: list[News] = [Started(job, "here", self.pid)] if self.pid else []
        self.work(job, heard.append)
        return heard

    def stop(self, job: Job) -> None:
        self.stopped.append(job)
        self.waiting.remove(job)

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def make_row() -> Callable[..., PlanRow]:
    return row_of


@pytest.fixture
def make_plan_of() -> Callable[..., Plan]:
    return plan_of


@pytest.fixture
def make_job() -> Callable[..., Job]:
    return job_of


@pytest.fixture
def inline() -> type[InlineExecutor]:
    return InlineExecutor


@pytest.fixture
def tuner_of() -> Callable[[str, Registry], Tuner]:
    """The tuner of a grid's YAML, read as g.yaml."""
    return parsed_tuner
