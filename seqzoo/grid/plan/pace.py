"""Estimate the time of a run from a few steps and one evaluation of a run of its shape."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seqzoo.spec.run import RunSpec
from seqzoo.train import Watch, train

__all__ = ["STEPS", "Pace", "pace_of", "shape_of"]

STEPS = 5  # the first is not timed: it takes longer than others


@dataclass(frozen=True)
class Pace:
    """Seconds a training step, and seconds an evaluation."""

    step_s: float
    evaluation_s: float

    def seconds(self, spec: RunSpec) -> float:
        """The time of a run of this shape that does not stop early."""
        steps, every = spec.train.steps, spec.train.evaluate.every
        return steps * self.step_s + -(-steps // every) * self.evaluation_s


def shape_of(spec: RunSpec) -> Hashable:
    """The settings that determine the time of a step and of an evaluation."""
    settings = spec.train
    sizes = (settings.batch_size, settings.accumulate, settings.device, type(settings.optimizer))
    evaluation = (settings.evaluate.sequences, settings.evaluate.batch_size)
    way = (settings.precision, settings.compile, settings.activation_checkpointing, settings.ema)
    return spec.model, spec.task, sizes, evaluation, way


def pace_of(spec: RunSpec, threads: int) -> Pace:
    """Train a few steps with `threads` threads, in a temporary directory.

    Raises:
        SpecError: the run cannot start.
        RunError: it diverges within these steps.
    """
    settings = spec.train.model_copy(
        update={
            "steps": STEPS,
            "log_every": 1,
            "stop": None,
            "loggers": (),
            "evaluate": spec.train.evaluate.model_copy(update={"every": STEPS}),
        }
    )
    watch = _Stopwatch()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with tempfile.TemporaryDirectory(prefix="seqzoo-") as folder:
            train(spec.model_copy(update={"train": settings}), Path(folder), watch=watch)
    finally:
        torch.set_num_threads(before)
    steps = [later - earlier for earlier, later in zip(watch.steps, watch.steps[1:], strict=False)]
    return Pace(statistics.median(steps), watch.evaluated_at - watch.steps[-1])


class _Stopwatch(Watch):
    """When each step was logged, and when the evaluation after the last was done (seconds)."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.evaluated_at = 0.0

    def logged(self, row: dict[str, Any]) -> None:
        self.steps.append(time.perf_counter())

    def evaluated(self, row: dict[str, Any]) -> None:
        self.evaluated_at = time.perf_counter()
