"""An aggregator's results, checked against the form of its summaries and cast to its dtypes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from seqzoo.operators import Aggregator
from seqzoo.scan.prefix.trees import check_form

__all__ = ["aggregated", "leaves_of", "rows_seen"]


def leaves_of(aggregator: Aggregator, chunks: Tensor, like: Any) -> Any:
    """The summaries of chunks (B', C, D), a tree of (B', ...), in the dtypes of `like`.

    Raises:
        ValueError: `leaf` gives another form than `start`.
    """
    leaves = aggregator.leaf(chunks)
    what = f"aggregator '{aggregator.name}': leaf(rows) and start() must give one form; leaf gave"
    check_form(leaves, like, what, len(chunks))
    return _cast(leaves, like)


def aggregated(aggregator: Aggregator, older: Any, newer: Any) -> Any:
    """aggregator(older, newer), trees of (B', ...), in the dtypes of `newer`.

    Raises:
        ValueError: the aggregator returns another form than that of its operands.
    """
    both = aggregator(older, newer)
    check_form(both, newer, f"aggregator '{aggregator.name}': forward(older, newer) returned")
    return _cast(both, newer)


def rows_seen(aggregator: Aggregator, summary: Any, width: int) -> Tensor:
    """What tokens see of summaries, (B', M, D).

    Raises:
        ValueError: `read` gives no such rows.
    """
    rows = aggregator.read(summary)
    if torch.compiler.is_compiling():
        return rows
    batch = len(pytree.tree_leaves(summary)[0])
    given = tuple(rows.shape) if isinstance(rows, Tensor) else type(rows).__name__
    if not isinstance(rows, Tensor) or rows.ndim != 3 or given[::2] != (batch, width):
        raise ValueError(
            f"aggregator '{aggregator.name}': read(summary) returned {given}, expected rows "
            f"of ({batch}, M, {width})"
        )
    return rows


def _cast(given: Any, like: Any) -> Any:
    return pytree.tree_map(lambda x, y: x.to(y.dtype), given, like)
