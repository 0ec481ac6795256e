"""A row of metrics.jsonl as named numbers, the form in which curve loggers take it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["scalars_of"]


def scalars_of(row: Mapping[str, Any]) -> dict[str, float]:
    """The row's numbers by `kind/name`, such as `train/loss`, without its step.

    >>> scalars_of({"kind": "evaluation", "step": 5, "loss": 1.5, "accuracy": 0.5})
    {'evaluation/loss': 1.5, 'evaluation/accuracy': 0.5}
    """
    return {
        f"{row['kind']}/{name}": float(value)
        for name, value in row.items()
        if name not in ("kind", "step")
    }
