"""The record of a run: one JSON file with everything that reports read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import from_json

from seqzoo.errors import RunError
from seqzoo.files import read_regular, write_whole
from seqzoo.spec.explain import first_problem

__all__ = [
    "Commit",
    "DeviceFacts",
    "GroupFacts",
    "Memory",
    "MetricFacts",
    "Record",
    "ScanFacts",
    "Sources",
    "Timings",
    "Versions",
    "read_record",
    "write_record",
]


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class MetricFacts(_Facts):
    """The metric runs on the task are compared by.

    Attributes:
        name: its key in `Record.metrics`.
        higher_is_better: the direction of better.
        chance: what guessing gives; None where that means nothing.
    """

    name: str
    higher_is_better: bool
    chance: float | None


class Timings(_Facts):
    """Seconds and rates, summed over all the sessions a resumed run took.

    Attributes:
        wall_s: seconds in all.
        train_s: seconds in training steps, without evaluation and saving.
        tokens: tokens trained on.
        tokens_per_s: tokens / train_s, 0 where no time was measured.
        others: the mean number of cores that other processes kept busy, over the last session; None
            if the system does not report it.
    """

    wall_s: float
    train_s: float
    tokens: int
    tokens_per_s: float
    others: float | None = None


class Versions(_Facts):
    """The versions a run was trained with; plugins are by distribution, triton may be absent."""

    seqzoo: str
    torch: str
    python: str
    plugins: dict[str, str]
    triton: str | None = None


class Commit(_Facts):
    """A git commit (40 hex digits), and whether files that git tracks differed from it."""

    commit: str
    dirty: bool


class Sources(_Facts):
    """The code's commits according to git; None where a folder is in no repository.

    Attributes:
        working_directory: of the repository the run was started in.
        seqzoo: of seqzoo itself, if it runs from a checkout.
    """

    working_directory: Commit | None = None
    seqzoo: Commit | None = None


class Memory(_Facts):
    """The most memory held at a time, in bytes, over all sessions; None where it is not known.

    Attributes:
        peak_rss: main memory of the process.
        peak_device: tensors on the GPU.
    """

    peak_rss: int | None = None
    peak_device: int | None = None


class DeviceFacts(_Facts):
    """Where it ran: kind (cpu, cuda, mps), hardware's name, torch's CPU threads, CPU cores."""

    kind: str
    name: str
    threads: int
    cores: int | None = None


class GroupFacts(_Facts):
    """Trained parameters that optimizers treat alike.

    Attributes:
        decay: whether weight decay shrinks them.
        lr: a factor on the learning rate.
        parameters: how many numbers they hold.
    """

    decay: bool
    lr: float
    parameters: int


class ScanFacts(_Facts):
    """A backend that computed a scan of the model.

    Attributes:
        operation: `scan`, or what else has backends to choose among.
        backend: its name.
        reasons: a sentence for each backend that was asked: why it was picked, or why not.
    """

    operation: str
    backend: str
    reasons: tuple[str, ...]


class Record(_Facts):
    """One finished run.

    Attributes:
        format: version of this file's layout.
        run_id: short hash of the resolved spec and seed.
        name: the spec's name, if it has one.
        seed: the run's seed.
        status: done, or diverged (a loss or gradient was not finite; `steps` were good).
        steps: optimizer steps done.
        max_steps: steps the spec allows.
        reached_at: step of the first evaluation that met the target; None if none did.
        target: the spec's stop target; None if it has none.
        metric: the metric that runs are compared by.
        metrics: every metric as the last evaluation measured it; empty if there was none.
        best: each metric's best value over all evaluations (losses and bits: lowest).
        skipped_steps: steps whose update was skipped, since float16 overflowed.
        parameters: trained numbers in the model.
        state_size: numbers a sequence carries at the task's length; None if it carries no state.
        timings: seconds and rates.
        versions: what the run was made with.
        device: where it ran.
        spec: the resolved spec: presets expanded, every default written out.
        sources: commits of the code it ran with, in its last session.
        memory: the most it held.
        inputs: what it depended on outside its spec, see `seqzoo.train.inputs`.
        auxiliary: the layers' auxiliary losses by name, means of the steps of the last train row.
        groups: the parameters by their treatment.
        scan: the backends that computed, as one forward pass before the first step used them; in
            the last session.
    """

    format: Literal[3] = 3
    run_id: str
    name: str | None
    seed: int
    status: Literal["done", "diverged"]
    steps: int
    max_steps: int
    reached_at: int | None
    target: float | None
    metric: MetricFacts
    metrics: dict[str, float]
    best: dict[str, float]
    skipped_steps: int = 0
    parameters: int
    state_size: int | None
    timings: Timings
    versions: Versions
    device: DeviceFacts
    spec: dict[str, Any] | None = None
    sources: Sources = Sources()
    memory: Memory = Memory()
    inputs: dict[str, str] = {}
    auxiliary: dict[str, float] = {}
    groups: tuple[GroupFacts, ...] = ()
    scan: tuple[ScanFacts, ...] = ()

    @model_validator(mode="after")
    def _facts_agree(self) -> Record:
        wrong = next(_disagreements(self), None)
        if wrong is not None:
            raise ValueError(wrong)
        return self


def _disagreements(record: Record) -> Iterator[str]:
    """Facts that contradict each other, in a record that was edited or merged from two."""
    if not 0 <= record.steps <= record.max_steps:
        yield f"steps is {record.steps:,}, and max_steps {record.max_steps:,}"
    if record.reached_at is not None and not 0 < record.reached_at <= record.steps:
        yield f"reached_at is {record.reached_at:,}, and steps {record.steps:,}"
    if record.metrics and record.metric.name not in record.metrics:
        there = ", ".join(record.metrics)
        yield f"metric.name is '{record.metric.name}', and metrics has {there}"
    spec = record.spec or {}
    train = spec.get("train")
    if not isinstance(train, dict):
        return
    stop = train.get("stop")
    stop = stop if isinstance(stop, dict) else {}
    for name, fact, path, wanted in (
        ("seed", record.seed, "spec.seed", spec.get("seed", record.seed)),
        ("max_steps", record.max_steps, "spec.train.steps", train.get("steps", record.max_steps)),
        ("target", record.target, "spec.train.stop.target", stop.get("target")),
    ):
        if fact != wanted:
            yield f"{name} is {fact}, and {path} {wanted}"
    is_early = record.status == "done" and record.steps < record.max_steps
    if is_early and record.reached_at is None and stop.get("patience") is None:
        yield (
            f"status is done after {record.steps:,} of {record.max_steps:,} steps, and nothing in "
            "its spec ends it early"
        )


def write_record(path: Path, record: Record) -> None:
    """Write the record, whole or not at all.

    Raises:
        RunError: it cannot be written.
    """
    write_whole(path, record.model_dump_json(indent=2) + "\n")


def _refuse_older(path: Path, facts: Any) -> None:
    version = facts.get("format") if isinstance(facts, dict) else None
    if version in (1, 2):
        raise RunError(
            f"{path}: written by seqzoo 0.1 (record format {version}), whose parts and run ids "
            "were others; run it again in a new directory, or read it with that version"
        )


def read_record(path: Path) -> Record:
    """Read a record back.

    Raises:
        RunError: there is none, it is damaged, or an earlier version wrote it; the message names
            the file and what is wrong.
    """
    try:
        facts = from_json(read_regular(path))
        _refuse_older(path, facts)
        return Record.model_validate(facts)
    except FileNotFoundError:
        raise RunError(f"{path}: there is no record; the run has not finished") from None
    except OSError as failure:
        raise RunError(f"{path}: cannot be read: {failure.strerror}") from None
    except ValidationError as failure:
        wrong = first_problem(failure)
    except ValueError as failure:  # no JSON, no UTF-8
        wrong = f"it is not JSON ({failure})"
    raise RunError(
        f"{path} is damaged: {wrong}; delete it, and the run's seqzoo train or seqzoo grid makes "
        "it again from the checkpoint beside it"
    )
