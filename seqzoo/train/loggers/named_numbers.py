"""A row of metrics.jsonl as named numbers, which is what curve loggers take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["named_numbers"]


def named_numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """The row's numbers by `kind/name`, such as `train/loss`, without its step.

    >>> named_numbers({"kind": "evaluation", "step": 5, "loss": 1.5, "accuracy": 0.5})
    {'evaluation/loss': 1.5, 'evaluation/accuracy': 0.5}
    """
    return {
        f"{row['kind']}/{name}": float(value)
        for name, value in row.items()
        if name not in ("kind", "step")
    }
