"""The built-in optimizers, schedules and loggers, registered the way plugins register theirs."""

from __future__ import annotations

from collections.abc import Callable

from seqzoo.registry.hookspecs import hookimpl
from seqzoo.spec import Part
from seqzoo.train.loggers.console import ConsoleLogger
from seqzoo.train.loggers.jsonl import JsonlLogger
from seqzoo.train.loggers.mlflow import MlflowLogger
from seqzoo.train.loggers.tensorboard import TensorboardLogger
from seqzoo.train.muon import Muon
from seqzoo.train.optimizer import AdamW
from seqzoo.train.schedule import WSD, Constant, Cosine

__all__ = ["register_parts"]


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """Register every built-in optimizer, schedule and logger."""
    loggers = (ConsoleLogger, JsonlLogger, TensorboardLogger, MlflowLogger)
    for part in (AdamW, Muon, Constant, Cosine, WSD, *loggers):
        register(part)
