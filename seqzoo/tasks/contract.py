"""Check a task against its contract, once before a run starts."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.tasks.task import IGNORED, Batch, Metric, Task

__all__ = ["check_task"]


def check_task(task: Task, batch_size: int, seed: int) -> Batch:
    """Check that a task's attributes, batches, labels and metrics fit each other.

    Args:
        task: as it was built.
        batch_size: of training.
        seed: of training.

    Returns:
        The training batch of step 0.

    Raises:
        SpecError: something does not fit; the message names the task, where, what was found and
            what is wanted.
    """
    for name in ("vocab_size", "length"):
        value = getattr(task, name, None)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            found = "is not set" if value is None else f"is {value!r}"
            raise _wrong(task, f"{name} {found}, and a whole number of at least 1 is wanted")
    metric = getattr(task, "metric", None)
    if not isinstance(metric, Metric):
        found = "is not set" if metric is None else f"is {metric!r}"
        raise _wrong(task, f"metric {found}, and a seqzoo.tasks.Metric is wanted")
    batch = task.train_batch(batch_size, seed, 0)
    _check_batch(task, batch, f"train_batch({batch_size}, {seed}, 0)")
    if batch.tokens.shape[0] != batch_size:
        raise _wrong(
            task, f"train_batch gives {batch.tokens.shape[0]} sequences, and {batch_size} are asked"
        )
    test = next(iter(task.test_batches(1)), None)
    if test is None:
        raise _wrong(task, "test_batches gives no batch")
    _check_batch(task, test, "test_batches(1)")
    _check_metrics(task, metric, test)
    return batch


def _check_batch(task: Task, batch: Batch, where: str) -> None:
    for name in ("tokens", "labels"):
        tensor = getattr(batch, name)
        if not isinstance(tensor, Tensor) or tensor.dtype != torch.int64 or tensor.dim() != 2:
            found = (
                f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
                if isinstance(tensor, Tensor)
                else type(tensor).__name__
            )
            raise _wrong(task, f"{name} of {where} is {found}, and (B, T) int64 is wanted")
    if batch.tokens.shape != batch.labels.shape:
        shapes = f"{tuple(batch.tokens.shape)} and {tuple(batch.labels.shape)}"
        raise _wrong(task, f"tokens and labels of {where} have shapes {shapes}; one is wanted")
    limits = f"0 ... {task.vocab_size - 1}, since its vocab_size is {task.vocab_size}"
    _check_range(task, batch.tokens, f"a token of {where}", limits)
    labelled = batch.labels.where(batch.labels != IGNORED, 0)
    _check_range(task, labelled, f"a label of {where}", f"{limits}, or IGNORED ({IGNORED})")


def _check_range(task: Task, ids: Tensor, what: str, limits: str) -> None:
    wrong = ((ids < 0) | (ids >= task.vocab_size)).nonzero()
    if len(wrong):
        row, position = wrong[0].tolist()
        found = int(ids[row, position])
        raise _wrong(
            task, f"{what} is {found} (row {row}, position {position}), and must be {limits}"
        )


def _check_metrics(task: Task, metric: Metric, test: Batch) -> None:
    positions, _ = test.labelled()
    if not len(positions):
        return  # the first test sequence may be without labels
    logits = torch.zeros(1).expand(len(positions), task.vocab_size)
    sums = {name: float(value) for name, value in task.measure(logits, test).items()}
    names = task.metrics(sums)
    if metric.name not in names:
        known = ", ".join(names) or "none"
        raise _wrong(
            task, f"its metric is '{metric.name}', which `metrics` does not give; it gives {known}"
        )


def _wrong(task: Task, what: str) -> SpecError:
    kind = type(task)
    return SpecError(f"task '{task.name}' ({kind.__module__}.{kind.__qualname__}): {what}")
