"""Check a task against its contract, once before a run starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.tasks.task import IGNORED, Batch, Metric, Task

__all__ = ["check_sizes", "check_task"]


def check_sizes(task: Task) -> None:
    """Check that a task has a vocabulary and a length.

    Raises:
        SpecError: one is not set, or is not a whole number of at least 1.
    """
    for name in ("vocab_size", "length"):
        value = getattr(task, name, None)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            found = "is not set" if value is None else f"is {value!r}"
            raise _wrong(task, f"{name} {found}, expected a whole number of at least 1")


def check_task(task: Task, batch_size: int, seed: int) -> Batch:
    """Check that a task's attributes, batches, labels and metrics fit each other.

    Args:
        task: as built.
        batch_size: of training.
        seed: of training.

    Returns:
        The training batch of step 0.

    Raises:
        SpecError: something does not fit; the message names the task, where, what was found and
            what is wanted.
    """
    check_sizes(task)
    metric = getattr(task, "metric", None)
    if not isinstance(metric, Metric):
        found = "is not set" if metric is None else f"is {metric!r}"
        raise _wrong(task, f"metric {found}, expected a seqzoo.tasks.Metric")
    batch = task.train_batch(batch_size, seed, 0)
    _check_batch(task, batch, f"train_batch({batch_size}, {seed}, 0)")
    if batch.tokens.shape[1] > task.length:
        raise _wrong(
            task,
            f"train_batch gives {batch.tokens.shape[1]} tokens, and its length is {task.length}",
        )
    if batch.tokens.shape[0] != batch_size:
        raise _wrong(
            task, f"train_batch gives {batch.tokens.shape[0]} sequences, and {batch_size} are asked"
        )
    tests: object = task.test_batches(1)
    if not isinstance(tests, Iterable):
        raise _wrong(task, f"test_batches gives {tests!r}, expected batches")
    test = next(iter(tests), None)
    if test is None:
        raise _wrong(task, "test_batches gives no batch")
    _check_batch(task, test, "test_batches(1)")
    _check_metrics(task, metric, test)
    return batch


def _check_batch(task: Task, batch: object, where: str) -> None:
    if not isinstance(batch, Batch):
        found = "None" if batch is None else f"a {type(batch).__name__}"
        raise _wrong(task, f"{where} gives {found}, expected a seqzoo.tasks.Batch")
    for name in ("tokens", "labels"):
        tensor = getattr(batch, name)
        if not isinstance(tensor, Tensor) or tensor.dtype != torch.int64 or tensor.dim() != 2:
            found = (
                f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
                if isinstance(tensor, Tensor)
                else type(tensor).__name__
            )
            raise _wrong(task, f"{name} of {where} is {found}, expected (B, T) int64")
    if batch.tokens.shape != batch.labels.shape:
        shapes = f"{tuple(batch.tokens.shape)} and {tuple(batch.labels.shape)}"
        raise _wrong(task, f"tokens and labels of {where} have shapes {shapes}, expected one")
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
    measured = _numbers(task, "measure", task.measure(logits, test), Tensor)
    try:
        names = _numbers(task, "metrics", task.metrics(measured), int | float)
    except (KeyError, ZeroDivisionError) as failure:
        given = ", ".join(measured) or "nothing"
        fault = f"{type(failure).__name__}: {failure}"
        raise _wrong(task, f"metrics fails on what measure gives, {given}: {fault}") from None
    if metric.name not in names:
        known = ", ".join(names) or "none"
        raise _wrong(
            task, f"its metric is '{metric.name}', which `metrics` does not give; it gives {known}"
        )


def _numbers(task: Task, method: str, given: object, kind: Any) -> dict[str, float]:
    """What a method returned, if it is numbers by name."""
    wanted = "scalar tensors by name" if kind is Tensor else "floats by name"
    if not isinstance(given, Mapping):
        raise _wrong(task, f"{method} gives {given!r}, expected {wanted}")
    for name, value in given.items():
        if not isinstance(value, kind) or (isinstance(value, Tensor) and value.numel() != 1):
            shown = f"{tuple(value.shape)} tensor" if isinstance(value, Tensor) else repr(value)
            raise _wrong(task, f"{method} gives '{name}' as {shown}, expected {wanted}")
    return {str(name): float(value) for name, value in given.items()}


def _wrong(task: Task, what: str) -> SpecError:
    kind = type(task)
    return SpecError(f"task '{task.name}' ({kind.__module__}.{kind.__qualname__}): {what}")
