"""Training: the loop, optimizers and schedules, a run's files, and its observers.

Reading records does not import torch, which takes seconds; the rest is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqzoo.train.record import Record as Record
from seqzoo.train.record import read_record as read_record

if TYPE_CHECKING:
    from seqzoo.train.loggers import Logger as Logger
    from seqzoo.train.loop import train as train
    from seqzoo.train.optimizer import Optimizer as Optimizer
    from seqzoo.train.schedule import Schedule as Schedule
    from seqzoo.train.trained import load_trained as load_trained
    from seqzoo.train.watch import Watch as Watch

__all__ = [
    "Logger",
    "Optimizer",
    "Record",
    "Schedule",
    "Watch",
    "load_trained",
    "read_record",
    "train",
]

LATER = {
    "Logger": "loggers",
    "Optimizer": "optimizer",
    "Schedule": "schedule",
    "Watch": "watch",
    "load_trained": "trained",
    "train": "loop",
}


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{LATER[name]}"), name)
