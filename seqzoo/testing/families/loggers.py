"""Checks of loggers: a run from start to end, and one that never starts.

Each gets an empty folder, which is also the working directory.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from seqzoo.spec.run import RunSpec
from seqzoo.tasks import Metric
from seqzoo.testing.part import PartCase
from seqzoo.train.facts import Facts, describe_device

__all__ = ["LOGGER_CHECKS"]

TRAINED = {"loss": 2.0, "lr": 0.1, "gradient_norm": 1.0, "tokens": 64, "tokens_per_s": 1e3}


def takes_a_run(case: PartCase) -> None:
    """Start, rows, evaluations, checkpoints, end; and then the rest of the run, resumed."""
    with _elsewhere() as folder:
        for resumed_at in (0, 4):
            logger = case.build(None)
            try:
                logger.started(_spec(case), _facts(folder, resumed_at))
                for step in range(resumed_at + 1, resumed_at + 5):
                    logger.logged(_row("train", step, **TRAINED))
                logger.evaluated(_row("evaluation", resumed_at + 4, loss=2.0, accuracy=0.5))
                logger.saving(resumed_at + 4)
                logger.saved(resumed_at + 4)
            finally:
                logger.close()


def may_be_closed_before_it_starts(case: PartCase) -> None:
    """A run that fails before its first step closes its loggers all the same."""
    with _elsewhere():
        case.build(None).close()


LOGGER_CHECKS = (takes_a_run, may_be_closed_before_it_starts)


@contextmanager
def _elsewhere() -> Iterator[Path]:
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)


def _row(kind: str, step: int, **values: float) -> dict[str, Any]:
    """A row of metrics.jsonl; see `seqzoo.train.metrics_log`."""
    return {"kind": kind, "step": step, **values, "wall_s": 0.1 * step}


def _spec(case: PartCase) -> RunSpec:
    written = {
        "model": {"width": 16, "layers": 1, "mixer": "attention"},
        "task": "parity",
        "train": {"steps": 8, "batch_size": 2},
        "seed": 0,
    }
    return case.registry.validate(RunSpec, written)


def _facts(folder: Path, resumed_at: int) -> Facts:
    return Facts(
        run_id="0123456789ab",
        directory=folder,
        metric=Metric("accuracy", higher_is_better=True, chance=0.5),
        vocab_size=32,
        parameters=1000,
        state_size=None,
        device=describe_device(torch.device("cpu")),
        resumed_at=resumed_at,
    )
