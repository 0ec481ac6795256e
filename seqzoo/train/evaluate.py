"""Measure a model on a task's test set."""

from __future__ import annotations

from collections import defaultdict
from itertools import islice

import torch

from seqzoo.model import LanguageModel
from seqzoo.operators import State
from seqzoo.tasks import Task

__all__ = ["evaluate"]


@torch.no_grad()
def evaluate(
    model: LanguageModel,
    task: Task,
    *,
    batch_size: int,
    batches: int | None = None,
    device: torch.device | None = None,
) -> dict[str, float]:
    """The task's metrics, exact over all labelled positions whatever the batch size.

    A batch that continues the one before is given the model's state after it.

    Args:
        model: measured in evaluation mode, and left in the mode it was in.
        task: gives the test batches and the measure.
        batch_size: sequences at a time.
        batches: the first so many batches only; None means the whole test set.
        device: where the model lies; None means the CPU.
    """
    device = device or torch.device("cpu")
    was_training = model.training
    model.eval()
    rows: list[torch.Tensor] = []
    names: tuple[str, ...] = ()
    state: State | None = None
    try:
        for batch in islice(task.test_batches(batch_size), batches):
            positions, _ = batch.labelled()
            before = state if batch.continues else None
            tokens, wanted = batch.tokens.to(device), positions.to(device)
            hidden, state = model.hidden(tokens, before, wanted, batch.cu_seqlens)
            sums = task.measure(model.logits(hidden), batch)
            names = tuple(sums)
            rows.append(torch.stack([value.float() for value in sums.values()]))
    finally:
        model.train(was_training)
    totals: defaultdict[str, float] = defaultdict(float)
    for row in torch.stack(rows).tolist():  # one wait for the device, sums in double precision
        for name, value in zip(names, row, strict=True):
            totals[name] += value
    return task.metrics(totals)
