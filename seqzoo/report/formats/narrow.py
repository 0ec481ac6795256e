"""A table wider than the terminal folds its headings, then its names, between their parts."""

from __future__ import annotations

import re

from seqzoo.report.tables.blocks import width_of
from seqzoo.report.tables.table import Table

__all__ = ["column_widths", "folded"]

_PARTS = re.compile(r"(?<=[-_/ ])(?=[^\W\d_])")
"""After a sign and before a letter: neither 1e-3 nor a minus is cut."""


def column_widths(table: Table, width: int) -> list[int]:
    """The width of each column, so that a line has at most `width` characters if folding can do it.

    Headings of numbers give way first, since that costs lines in one place; then names, the widest
    first. Numbers stay whole.
    """
    widths = list(table.widths)
    excess = table.width - width
    least = [
        max(
            *(_longest_part(text) for text in (column.name, column.point)),
            *(
                entry.width if column.is_number else _longest_part(entry.text)
                for entry in (row[place] for row in table.rows)
            ),
        )
        for place, column in enumerate(table.columns)
    ]
    for place, column in enumerate(table.columns):
        if column.is_number and excess > 0:
            cut = min(excess, widths[place] - least[place])
            widths[place] -= cut
            excess -= cut
    names = [place for place, column in enumerate(table.columns) if not column.is_number]
    while excess > 0 and (wide := [place for place in names if widths[place] > least[place]]):
        widths[max(wide, key=lambda place: widths[place])] -= 1
        excess -= 1
    return widths


def folded(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` characters, cut between its parts; a longer part stays."""
    lines = [""]
    for part in _PARTS.split(text):
        if lines[-1] and width_of(lines[-1] + part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return [line.rstrip() for line in lines] if len(lines) > 1 else [text]


def _longest_part(text: str) -> int:
    return max(width_of(part.rstrip()) for part in _PARTS.split(text))
