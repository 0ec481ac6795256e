"""Measure a model on a task's test set."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator

import torch

from seqzoo.errors import RunError
from seqzoo.operators import State
from seqzoo.tasks import IGNORED, Batch, Task
from seqzoo.train.distributed import ALONE, Processes
from seqzoo.train.objective import Objective
from seqzoo.train.parallel import cut_up_again
from seqzoo.train.precision import Precision

__all__ = ["evaluate"]


@torch.no_grad()
def evaluate(
    objective: Objective,
    task: Task,
    *,
    batch_size: int,
    sequences: int | None = None,
    device: torch.device | None = None,
    precision: Precision | None = None,
    processes: Processes = ALONE,
) -> dict[str, float]:
    """The task's metrics, exact over all labelled positions whatever the batch size.

    A batch that continues the previous one starts from the model's state after it. Each process
    measures its own rows of every batch; the sums are added in double precision.

    Args:
        objective: of the model, which is measured in evaluation mode and then put back.
        task: gives the test batches and the measure.
        batch_size: sequences at a time, over all processes.
        sequences: measure only this many sequences, from the start of the test set; None means all.
        device: where the model lies; None means the CPU.
        precision: of the forward passes; None means float32.
        processes: that share the work, all with the same arguments.

    Raises:
        RunError: no position of the test set has a label.
    """
    device = device or torch.device("cpu")
    precision = precision or Precision("float32", device)
    was_training = objective.training
    objective.eval()
    rows: list[torch.Tensor] = []
    names: tuple[str, ...] = ()
    state: State | None = None
    try:
        for batch in _first(task.test_batches(batch_size), sequences):
            own, counts = _own_rows(batch, processes)
            positions = own.labelled()[0].to(device)
            before = state if batch.continues else None
            with precision.autocast():
                logits, state = objective.scores(
                    own.tokens.to(device), before, positions, own.cu_seqlens
                )
            if counts:
                sums = task.measure(logits, own)
                names = tuple(sums)
                rows.append(torch.stack([value.float() for value in sums.values()]))
    finally:
        objective.train(was_training)
        cut_up_again(objective, processes)
    totals: defaultdict[str, float] = defaultdict(float)
    for row in torch.stack(rows).tolist() if rows else []:  # one wait for the device
        for name, value in zip(names, row, strict=True):
            totals[name] += value
    sums = _added_up(processes.gather(dict(totals)))
    if not sums.get("count", 1.0):
        raise RunError(
            f"the test set of task '{task.name}' has no label at any position: there is nothing to "
            "measure; give it longer or more sequences"
        )
    return task.metrics(sums)


def _first(batches: Iterator[Batch], sequences: int | None) -> Iterator[Batch]:
    """The first `sequences` rows; where a state is carried, all rows stay and lose their labels."""
    left = sequences
    for batch in batches:
        rows = batch.tokens.shape[0]
        if left is None or rows <= left:
            yield batch
        elif batch.continues:  # the state has all rows
            labels = batch.labels.clone()
            labels[left:] = IGNORED
            yield dataclasses.replace(batch, labels=labels)
        else:
            yield batch.rows(0, left)
        left = None if left is None else left - rows
        if left is not None and left <= 0:
            return


def _own_rows(batch: Batch, processes: Processes) -> tuple[Batch, bool]:
    """This process's rows, and whether they count towards the sums.

    All processes must call the model equally often, since each call gathers FSDP2's weights: a
    process without a row of its own runs the first row and does not count it.
    """
    rows = processes.rows(batch.tokens.shape[0])
    if rows.start < rows.stop:
        return batch.rows(rows.start, rows.stop), True
    first = batch.rows(0, 1)
    return dataclasses.replace(first, labels=torch.full_like(first.labels, IGNORED)), False


def _added_up(all_sums: list[dict[str, float]]) -> dict[str, float]:
    totals: defaultdict[str, float] = defaultdict(float)
    for sums in all_sums:
        for name, value in sums.items():
            totals[name] += value
    return dict(totals)
