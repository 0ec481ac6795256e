"""Sampling without replacement, for a whole batch at once."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["distinct", "distinct_by_weight"]


def distinct(rows: int, count: int, choices: int, generator: torch.Generator) -> Tensor:
    """Uniform samples of 0 ... choices-1 without replacement, in random order.

    Floyd's method: draw i is uniform among the first choices-count+i+1 numbers; if that number is
    already taken, it is the last of them instead. The cost depends on `count`, not on `choices`.

    Returns:
        (rows, count) int64, the numbers of a row all different.
    """
    chosen = torch.empty(rows, count, dtype=torch.int64)
    for index, last in enumerate(range(choices - count, choices)):
        number = torch.randint(0, last + 1, (rows,), generator=generator)
        taken = (chosen[:, :index] == number[:, None]).any(1)
        chosen[:, index] = number.masked_fill_(taken, last)
    order = torch.rand(rows, count, generator=generator).argsort(
        1
    )  # the set is fair, its order not
    return chosen.gather(1, order)


def distinct_by_weight(
    rows: int, count: int, weights: Tensor, generator: torch.Generator
) -> Tensor:
    """Samples of 0 ... n-1 drawn one after another without replacement, in proportion to weights.

    The largest `count` of log weights + Gumbel noise are such a sample, in the order of drawing.

    Args:
        rows: samples.
        count: numbers a sample.
        weights: (n,) positive.
        generator: source of the noise.

    Returns:
        (rows, count) int64, the numbers of a row all different.
    """
    waiting = torch.empty(rows, weights.numel(), dtype=weights.dtype)
    waiting.exponential_(generator=generator)  # -log of it is Gumbel noise
    return (weights / waiting).topk(count, dim=1).indices
