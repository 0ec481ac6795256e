"""The learning curves in a run's metrics.jsonl."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqzoo.errors import RunError
from seqzoo.train import Record
from seqzoo.train.metrics_log import read_rows

__all__ = ["Curve", "read_curves"]

NO_METRIC = {"kind", "step", "wall_s"}


@dataclass(frozen=True)
class Curve:
    """One metric over a run: steps (n,), int64, increasing; values (n,), float64, finite."""

    steps: NDArray[np.int64]
    values: NDArray[np.float64]


def read_curves(directory: Path, record: Record | None = None) -> dict[str, Curve]:
    """The curve of each metric over the evaluations; empty if the run has no log.

    Raises:
        RunError: the log is that of another run than the record.
    """
    points: dict[str, dict[int, float]] = {}
    try:
        for row in read_rows(directory / "metrics.jsonl", kind="evaluation"):
            step = row["step"]
            for name, value in row.items():
                if type(value) in (int, float) and name not in NO_METRIC and math.isfinite(value):
                    points.setdefault(name, {})[step] = value
    except OSError:
        return {}
    if record is not None and record.status == "done":
        _compare(directory / "metrics.jsonl", points, record)
    return {name: _curve(values) for name, values in points.items()}


def _compare(path: Path, points: Mapping[str, Mapping[int, float]], record: Record) -> None:
    """Check that a log ends as its run's record does; a log may also end earlier."""
    for name, values in points.items():
        there, own = values.get(record.steps), record.metrics.get(name)
        if max(values) > record.steps:
            what = f"it goes to step {max(values):,}, and the run had {record.steps:,}"
        elif there is not None and own is not None and not math.isclose(there, own):
            what = f"at step {record.steps:,} its {name} is {there:g}, and {own:g} in record.json"
        else:
            continue
        raise RunError(
            f"{path} is the log of another run: {what}; put the run's own back, or delete it"
        )


def _curve(values: dict[int, float]) -> Curve:
    steps = sorted(values)
    return Curve(
        steps=np.array(steps, dtype=np.int64),
        values=np.array([values[step] for step in steps], dtype=np.float64),
    )
