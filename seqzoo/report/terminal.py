"""A report on the terminal, drawn by rich; the same text with or without colours."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from seqzoo.report.report import Report
from seqzoo.report.tables import Column, Entry, Table

__all__ = ["print_report"]


def print_report(report: Report, console: Console) -> None:
    """Print heading, tables, notes and failures; nothing is cut off at any width."""
    for block in _blocks(report, console.width):
        console.print(block)


def _blocks(report: Report, width: int) -> Iterator[RenderableType]:
    yield Text(report.heading, style="bold")
    for table in report.tables(width):
        yield _draw(table)
    yield Text("; ".join(report.notes), style="dim")
    for line in report.machines:
        yield Text(f"run on {line}", style="dim")
    for line in report.failures:
        yield Text.assemble(("failed ", "bold red"), line)


def _draw(table: Table) -> RichTable:
    drawn = RichTable(
        title=table.title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD
    )
    for column in table.columns:
        drawn.add_column(
            Text(_header(column)),
            justify="right" if column.is_number else "left",
            overflow="fold",
        )
    for row in table.rows:
        drawn.add_row(*map(_text, row))
    return drawn


def _header(column: Column) -> str:
    return f"{column.point}\n{column.name}" if column.point else column.name


def _text(entry: Entry) -> Text:
    if entry.best:
        return Text(f"{entry.text} *", style="bold green")
    style = "red" if entry.text.endswith("failed") else ""
    return Text(entry.text, style=style)
