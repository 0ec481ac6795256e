"""Print a report on the terminal; the text is the same with and without colours."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from seqzoo.escape import rich_text
from seqzoo.folding import Name, folded
from seqzoo.report.formats.narrow import column_widths
from seqzoo.report.report import Report
from seqzoo.report.tables.blocks import Column, Entry
from seqzoo.report.tables.table import Table
from seqzoo.report.tables.variants import VariantChanges

__all__ = ["print_report"]


def print_report(report: Report, console: Console) -> None:
    """Print heading, variants, tables, notes and failures; nothing is truncated at any width."""
    console.print(rich_text(report.heading, "bold"), soft_wrap=True)
    if report.variants:
        console.print()
        console.print(_draw_variants(report.variants))
    tables = report.tables(console.width)
    for table in tables:
        console.print()
        console.print(_draw(table, console.width))
    console.print()
    for line in (
        *report.notes(tables),
        *(f"run on {line}" for line in report.machines),
        *report.backends,
    ):
        console.print(rich_text(line, "dim"))
    for line in report.failures:
        console.print(Text("failed ", "bold red") + rich_text(line), soft_wrap=True)


def _draw_variants(variants: Sequence[VariantChanges]) -> RichTable:
    drawn = RichTable.grid(padding=(0, 2, 0, 0))
    drawn.add_column(overflow="fold")
    drawn.add_column(overflow="fold", ratio=1)
    for each in variants:
        told = "the base" if each.is_base else "; ".join(each.changes) or "no change"
        drawn.add_row(Name(each.name, "bold"), rich_text(told))
    return drawn


def _draw(table: Table, width: int) -> RichTable:
    widths = column_widths(table, width)
    drawn = RichTable(
        title=rich_text(table.title, "bold") if table.title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column, its_width in zip(table.columns, widths, strict=True):
        drawn.add_column(
            _header(column, its_width),
            justify="right" if column.is_number else "left",
            overflow="fold",
            max_width=its_width,
        )
    for row in table.rows:
        drawn.add_row(*map(_text, row, table.columns))
    return drawn


def _header(column: Column, width: int) -> Text:
    lines = [line for text in (column.point, column.name) if text for line in folded(text, width)]
    return Text("\n").join(map(rich_text, lines))


def _text(entry: Entry, column: Column) -> Text:
    if entry.best:
        return rich_text(f"{entry.text} *", "bold green")
    style = "red" if entry.text.endswith("failed") else ""
    return rich_text(entry.text, style) if column.is_number else Name(entry.text, style)
