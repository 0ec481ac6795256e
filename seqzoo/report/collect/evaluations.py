"""The learning curves in a run's metrics.jsonl."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqzoo.train.metrics_log import read_rows

__all__ = ["Curve", "read_curves"]

NO_METRIC = {"kind", "step", "wall_s"}


@dataclass(frozen=True)
class Curve:
    """One metric over a run: steps (n,), int64, increasing; values (n,), float64, finite."""

    steps: NDArray[np.int64]
    values: NDArray[np.float64]


def read_curves(directory: Path) -> dict[str, Curve]:
    """The curve of each metric over the evaluations; empty if the run has no log."""
    points: dict[str, dict[int, float]] = {}
    try:
        for row in read_rows(directory / "metrics.jsonl", kind="evaluation"):
            step = row["step"]
            for name, value in row.items():
                if type(value) in (int, float) and name not in NO_METRIC and math.isfinite(value):
                    points.setdefault(name, {})[step] = value
    except OSError:
        return {}
    return {name: _curve(values) for name, values in points.items()}


def _curve(values: dict[int, float]) -> Curve:
    steps = sorted(values)
    return Curve(
        steps=np.array(steps, dtype=np.int64),
        values=np.array([values[step] for step in steps], dtype=np.float64),
    )
