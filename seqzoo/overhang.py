"""Whether a table fits a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

__all__ = ["overhang"]

ROOM = 10_000
"""Columns in which every table fits without a fold."""


def overhang(table: Table, console: Console) -> int:
    """Columns by which the table, with nothing folded, is wider than the console; at least 0."""
    wanted = Measurement.get(console, console.options.update(max_width=ROOM), table).maximum
    return max(wanted - console.width, 0)
