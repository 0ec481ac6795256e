"""Tasks: batches to train and test on, and how answers are measured."""

from seqzoo.tasks.task import IGNORED as IGNORED
from seqzoo.tasks.task import Batch as Batch
from seqzoo.tasks.task import Metric as Metric
from seqzoo.tasks.task import Negatives as Negatives
from seqzoo.tasks.task import Task as Task

__all__ = ["IGNORED", "Batch", "Metric", "Negatives", "Task"]
