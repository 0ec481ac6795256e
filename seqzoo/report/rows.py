"""A report for machines: one flat row a cell, as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from seqzoo.report.cells import Cell
from seqzoo.report.report import Report

__all__ = ["row_of", "to_csv", "to_json"]


def to_csv(report: Report) -> str:
    """One line a cell below a line of names; an axis' column is called by its path."""
    axes = list(report.collection.axes)
    rows = [row_of(cell, axes) for cell in report.cells]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _plain(value) for key, value in row.items()})
    return text.getvalue()


def to_json(report: Report) -> str:
    """The grid's facts, its cells as rows, and every run with what became of it."""
    collection = report.collection
    states = [result.state for result in collection.results]
    page = {
        "name": collection.name,
        "directories": list(map(str, collection.directories)),
        "against": collection.against,
        "base": collection.base or None,
        "axes": list(collection.axes),
        "seeds": sorted({result.seed for result in collection.results}),
        "runs": {state: states.count(state) for state in ("done", "failed", "missing")},
        "machines": report.machines,
        "cells": [row_of(cell, collection.axes) for cell in report.cells],
        "failures": [
            {
                "run_id": result.run_id,
                "variant": result.variant or None,
                "point": dict(result.point),
                "seed": result.seed,
                "error": result.error,
            }
            for result in collection.results
            if result.state == "failed"
        ],
    }
    return json.dumps(page, indent=2, ensure_ascii=False) + "\n"


def row_of(cell: Cell, axes: Sequence[str]) -> dict[str, Any]:
    """A cell's facts by name, flat; an axis' value is called by its path."""
    summary, difference = cell.summary, cell.difference
    low, high = (summary and summary.interval) or (None, None)
    difference_low, difference_high = (difference and difference.interval) or (None, None)
    return {
        "variant": cell.variant or None,
        **{axis: cell.point.get(axis) for axis in axes},
        "metric": cell.metric or None,
        "mean": summary.mean if summary else None,
        "sd": summary.sd if summary else None,
        "low": low,
        "high": high,
        "n": cell.n,
        "min": summary.minimum if summary else None,
        "max": summary.maximum if summary else None,
        "difference": difference.mean if difference else None,
        "difference_sd": difference.sd if difference else None,
        "difference_low": difference_low,
        "difference_high": difference_high,
        "difference_n": difference.n if difference else 0,
        "missing": cell.missing,
        "failed": cell.failed,
        "max_steps": cell.max_steps,
        "steps": cell.steps,
        "target": cell.target,
        "reached": len(cell.reached),
        "reached_at": cell.reached_at,
        "parameters": cell.parameters,
        "state_size": cell.state_size,
        "tokens_per_s": cell.tokens_per_s,
    }


def _plain(value: Any) -> Any:
    """A field of CSV: mappings and lists as JSON, nothing as nothing."""
    return json.dumps(value) if isinstance(value, dict | list | tuple | bool) else value
