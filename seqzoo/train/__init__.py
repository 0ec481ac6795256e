"""Training: one loop, its optimizers and schedules, its files, and who looks on."""

from seqzoo.train.loggers import Logger as Logger
from seqzoo.train.loop import train as train
from seqzoo.train.optimizer import Optimizer as Optimizer
from seqzoo.train.record import Record as Record
from seqzoo.train.record import read_record as read_record
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
