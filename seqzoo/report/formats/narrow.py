"""A table wider than the terminal folds its headings, then its names, between their parts."""

from __future__ import annotations

from seqzoo.folding import longest_part
from seqzoo.report.tables.table import Table

__all__ = ["column_widths"]


def column_widths(table: Table, width: int) -> list[int]:
    """The width of each column, so that a line has at most `width` characters if folding can do it.

    Headings of numbers give way first, since that costs lines in one place; then names, the widest
    first. Numbers stay whole.
    """
    widths = list(table.widths)
    excess = table.width - width
    least = [
        max(
            *(longest_part(text) for text in (column.name, column.point)),
            *(
                entry.width if column.is_number else longest_part(entry.text)
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
