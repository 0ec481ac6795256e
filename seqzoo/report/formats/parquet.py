"""A report as Parquet: the rows of the CSV, typed."""

from __future__ import annotations

import io
import json
from typing import Any

from seqzoo.errors import RunError
from seqzoo.report.formats.flat import rows_of
from seqzoo.report.report import Report

__all__ = ["to_parquet"]


def to_parquet(report: Report) -> bytes:
    """The content of a Parquet file with one row per cell.

    An axis with values of mixed types, mappings or lists is written as JSON.

    Raises:
        RunError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise RunError(
            "Parquet needs pyarrow, which is not installed: pip install 'seqzoo[parquet]'"
        ) from None
    axes = report.collection.axes
    rows = rows_of(report)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    tuned = {path for cell in report.cells if cell.chosen for path in cell.chosen.values}
    places = (name for name in columns if name.startswith("at "))
    for axis in (*axes, *tuned, *places):
        columns[axis] = _one_type(columns[axis])
    floats = {name for name in columns if _is_measured(name, columns[name])}
    table = pa.table(
        {
            name: pa.array(values, type=pa.float64() if name in floats else None)
            for name, values in columns.items()
        }
    )
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def _one_type(values: list[Any]) -> list[Any]:
    types = {type(value) for value in values if value is not None}
    if types <= {str} or types <= {bool} or types <= {int, float}:
        return values
    return [None if value is None else json.dumps(value) for value in values]


def _is_measured(name: str, values: list[Any]) -> bool:
    """Whether a column is float64 even if it is empty so far or has whole numbers only."""
    measured = ("mean", "sd", "low", "high", "min", "max", "difference", "steps", "target")
    parts = (*measured, "difference_sd", "difference_low", "difference_high", "reached_at")
    is_mixed = {type(value) for value in values if value is not None} == {int, float}
    return name in parts or name.startswith("tokens_per_s") or is_mixed
