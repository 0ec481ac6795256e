"""A run: one model, one task, one way of training, one seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationInfo, field_validator

from seqzoo.spec.model import ModelSpec
from seqzoo.spec.part import PartSpec, SpecModel
from seqzoo.spec.slot import Slot

__all__ = ["CheckpointSpec", "EvaluateSpec", "RunSpec", "StopSpec", "TrainSpec", "run_id_of"]

BESIDE = frozenset({"name", "train.loggers", "train.checkpoint"})  # no facts of the result


class EvaluateSpec(SpecModel):
    """When and on how much the run is evaluated.

    Attributes:
        every: steps between evaluations; the last step is always evaluated.
        batches: evaluation batches at most; None means all the task has.
        batch_size: sequences a batch; None means the training batch size.
    """

    every: PositiveInt = 250
    batches: PositiveInt | None = None
    batch_size: PositiveInt | None = None


class StopSpec(SpecModel):
    """Stop early when the task's metric reaches the target at an evaluation."""

    target: float


class CheckpointSpec(SpecModel):
    """When the run is saved, and which of its checkpoints stay.

    Attributes:
        every: steps between checkpoints; the last step is always saved.
        keep: how many of the newest stay.
        best: also save, and keep, the best evaluation by the task's metric.
    """

    every: PositiveInt = 1000
    keep: PositiveInt = 1
    best: bool = False


class TrainSpec(SpecModel):
    """How the model is trained.

    Attributes:
        steps: optimizer steps.
        batch_size: sequences an optimizer step.
        accumulate: micro-batches an optimizer step; divides batch_size.
        optimizer: AdamW with its learning rate, weight decay, betas.
        schedule: factor on the learning rate over the steps, warm-up included.
        clip: largest norm of the gradient, null for no clipping.
        evaluate: when the run is evaluated.
        stop: target of the task's metric at which the run ends early; null for none.
        checkpoint: when the run is saved.
        log_every: steps between rows of metrics.jsonl.
        loggers: who is told of the run: console, jsonl, tensorboard, mlflow, ...
        device: auto, cpu, cuda, cuda:N, mps.
    """

    steps: PositiveInt
    batch_size: PositiveInt = 32
    accumulate: PositiveInt = 1
    optimizer: Annotated[PartSpec, Slot("optimizer", default_type="adamw")] = Field(
        default=cast("Any", "adamw")
    )
    schedule: Annotated[PartSpec, Slot("schedule")] = Field(default=cast("Any", "constant"))
    clip: float | None = Field(default=1.0, gt=0)
    evaluate: EvaluateSpec = EvaluateSpec()
    stop: StopSpec | None = None
    checkpoint: CheckpointSpec = CheckpointSpec()
    log_every: PositiveInt = 50
    loggers: tuple[Annotated[PartSpec, Slot("logger")], ...] = Field(
        default=cast("Any", ("console", "jsonl"))
    )
    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")

    @field_validator("accumulate")
    @classmethod
    def _micro_batches_are_equal(cls, accumulate: int, info: ValidationInfo) -> int:
        batch_size = info.data.get("batch_size")
        if batch_size is not None and batch_size % accumulate:
            raise ValueError(
                f"accumulate {accumulate} does not divide batch_size {batch_size}, "
                "the sequences of a whole optimizer step"
            )
        return accumulate

    @field_validator("loggers")
    @classmethod
    def _loggers_come_once(cls, loggers: tuple[PartSpec, ...]) -> tuple[PartSpec, ...]:
        names = [logger.part.name for logger in loggers]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"logger '{twice[0]}' is named twice; once is enough")
        return loggers


class RunSpec(SpecModel):
    """One spec, one seed, one record. The model's vocabulary comes from its task."""

    name: str | None = None
    model: ModelSpec
    task: Annotated[PartSpec, Slot("task")]
    train: TrainSpec
    seed: NonNegativeInt = 0

    def resolved(self) -> dict[str, Any]:
        """The whole spec as plain data: presets expanded, every default written out."""
        return self.model_dump(mode="json")

    @property
    def run_id(self) -> str:
        """Twelve hex digits of the resolved spec and seed; what is in `BESIDE` does not count."""
        return run_id_of(self.resolved())


def run_id_of(resolved: Mapping[str, Any]) -> str:
    """The run id of what `RunSpec.resolved` gave, or of the spec.yaml it was written to.

    A run that is told to other loggers, or saved more often, has the same result: it is the same
    run, and goes on in the same directory.
    """
    facts = {key: value for key, value in resolved.items() if key not in BESIDE}
    train = resolved.get("train")
    if isinstance(train, Mapping):
        facts["train"] = {k: v for k, v in train.items() if f"train.{k}" not in BESIDE}
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
