"""Loggers: parts that report a run somewhere, and the guard around those of one run."""

from seqzoo.train.loggers.logger import Logger as Logger
from seqzoo.train.loggers.loggers import Loggers as Loggers

__all__ = ["Logger", "Loggers"]
