"""A run: one model, one task, one way of training, one seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from seqzoo.spec.model import ModelSpec
from seqzoo.spec.part import PartSpec, SpecModel
from seqzoo.spec.slot import slot

__all__ = [
    "CheckpointSpec",
    "EmaSpec",
    "EvaluateSpec",
    "RunSpec",
    "StopSpec",
    "TrainSpec",
    "run_id_of",
]

BESIDE = frozenset({"name", "train.loggers", "train.checkpoint"})  # no facts of the result


class EvaluateSpec(SpecModel):
    """When the run is evaluated, and on how much of the test set.

    Attributes:
        every: steps between evaluations; the last step is always evaluated.
        sequences: the most test sequences, the same for every batch size; None means all.
        batch_size: sequences at a time; None means the training batch size.
    """

    every: PositiveInt = 250
    sequences: PositiveInt | None = None
    batch_size: PositiveInt | None = None


class StopSpec(SpecModel):
    """When a run ends before its last step; at least one of the two.

    Attributes:
        target: end when the task's metric reaches it at an evaluation.
        patience: end after this many evaluations in a row without a new best of the task's metric.
    """

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    target: float | None = None
    patience: PositiveInt | None = None

    @model_validator(mode="after")
    def _there_is_a_reason(self) -> StopSpec:
        if self.target is None and self.patience is None:
            raise PydanticCustomError(
                "no_reason", "no reason to stop: give it a target, a patience, or both"
            )
        return self


class CheckpointSpec(SpecModel):
    """When the run is saved, and which checkpoints are kept.

    Attributes:
        every: steps between checkpoints; the last step is always saved.
        keep: how many of the newest to keep.
        best: also save and keep the best evaluation by the task's metric.
    """

    every: PositiveInt = 1000
    keep: PositiveInt = 1
    best: bool = False


class EmaSpec(SpecModel):
    """An average of the weights, which is evaluated and saved in their place.

    Attributes:
        decay: share of the average that a step keeps, at most; step t keeps (1 + t) / (10 + t)
            where that is less, so that the initial weights are soon forgotten.
    """

    decay: float = Field(default=0.999, gt=0, lt=1)


class TrainSpec(SpecModel):
    """How the model is trained.

    Attributes:
        steps: optimizer steps.
        batch_size: sequences an optimizer step.
        accumulate: micro-batches an optimizer step; divides batch_size.
        optimizer: AdamW with its learning rate, weight decay, betas.
        schedule: factor on the learning rate over the steps, warm-up included.
        clip: largest norm of the gradient; null for no clipping.
        evaluate: when the run is evaluated.
        stop: a target or a patience that ends the run early; null for neither.
        checkpoint: when the run is saved.
        log_every: steps between rows of metrics.jsonl.
        loggers: observers of the run: console, jsonl, tensorboard, mlflow, ...
        device: auto, cpu, cuda, cuda:N, mps.
        precision: of matrix products and the like: float32, or autocast to a half type; weights,
            states and the optimizer stay float32. float16 scales the loss.
        ema: average the weights; null for no average.
        activation_checkpointing: keep only each block's input and recompute the rest for the
            gradient: less memory, a third more work.
        compile: run the model through torch.compile.
        deterministic: use only kernels that are bit-reproducible; an error where there is none.
        parallel: how processes under torchrun share a run: auto is ddp there and none elsewhere;
            none, ddp (weights on each process), fsdp2 (weights, gradients and optimizer sharded).
    """

    steps: PositiveInt = Field(examples=[2000])
    batch_size: PositiveInt = 32
    accumulate: PositiveInt = 1
    optimizer: PartSpec = slot("optimizer", "adamw", default_type="adamw")
    schedule: PartSpec = slot("schedule", "constant")
    clip: float | None = Field(default=1.0, gt=0)
    evaluate: EvaluateSpec = EvaluateSpec()
    stop: StopSpec | None = None
    checkpoint: CheckpointSpec = CheckpointSpec()
    log_every: PositiveInt = 50
    loggers: tuple[PartSpec, ...] = slot("logger", ("console", "jsonl"))
    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    ema: EmaSpec | None = None
    activation_checkpointing: bool = False
    compile: bool = False
    deterministic: bool = False
    parallel: Literal["auto", "none", "ddp", "fsdp2"] = "auto"

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
            raise ValueError(f"logger '{twice[0]}' is named twice; name it once")
        return loggers

    @model_validator(mode="after")
    def _patience_can_run_out(self) -> TrainSpec:
        patience = self.stop.patience if self.stop else None
        if patience is not None and self.evaluate.every >= self.steps:
            raise PydanticCustomError(
                "no_evaluations",
                "stop.patience counts evaluations, and evaluate.every {every} leaves none before "
                "the last of {steps} steps",
                {
                    "every": self.evaluate.every,
                    "steps": self.steps,
                    "hint": "evaluate more often, or leave patience out",
                },
            )
        return self


class RunSpec(SpecModel):
    """One spec, one seed, one record. The model's vocabulary comes from its task."""

    name: str | None = None
    model: ModelSpec = Field(examples=[{"width": 64, "layers": 2, "mixer": "attention"}])
    task: PartSpec = slot("task", examples=["parity"])
    train: TrainSpec = Field(examples=[{"steps": 2000}])
    seed: NonNegativeInt = 0

    def resolved(self, *, complete: bool = False) -> dict[str, Any]:
        """The whole spec as plain data: presets expanded, defaults written out.

        Args:
            complete: also write out the fields with `since` that have their default.
        """
        return self.model_dump(mode="json", context={"complete": complete})

    @property
    def run_id(self) -> str:
        """Twelve hex digits of the resolved spec and seed; what is in `BESIDE` does not count."""
        return run_id_of(self.resolved())


def run_id_of(resolved: Mapping[str, Any]) -> str:
    """The run id of what `RunSpec.resolved` gave, or of the spec.yaml it was written to.

    A run with other loggers or more checkpoints has the same result: it is the same run, and
    continues in the same directory.
    """
    facts = {key: value for key, value in resolved.items() if key not in BESIDE}
    train = resolved.get("train")
    if isinstance(train, Mapping):
        facts["train"] = {k: v for k, v in train.items() if f"train.{k}" not in BESIDE}
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
