"""A report as Markdown, for a README or an issue."""

from __future__ import annotations

from collections.abc import Iterator

from seqzoo.escape import markdown
from seqzoo.report.report import Report
from seqzoo.report.tables.blocks import Column, Entry
from seqzoo.report.tables.table import Table
from seqzoo.report.tables.variants import VariantChanges

__all__ = ["to_markdown"]

WIDTH = 100  # what a web page has room for


def to_markdown(report: Report) -> str:
    """Heading, tables, notes and failures; ends with a newline."""
    return "\n\n".join(_blocks(report)) + "\n"


def _blocks(report: Report) -> Iterator[str]:
    yield f"**{markdown(report.heading)}**"
    if report.variants:
        yield "\n".join(f"- {_variant(each)}" for each in report.variants)
    tables = report.tables(WIDTH)
    for table in tables:
        if table.title:
            yield f"**{markdown(table.title)}**"
        yield _draw(table)
    notes = "; ".join(report.notes(tables))
    lines = [notes, *(f"Run on {line}" for line in report.machines), *report.backends]
    if any(lines):
        yield " ".join(f"{markdown(line)}." for line in lines if line)
    if report.failures:
        yield "\n".join(f"- failed: {markdown(line)}" for line in report.failures)


def _variant(variant: VariantChanges) -> str:
    told = "the base" if variant.is_base else "; ".join(variant.changes) or "no change"
    return f"**{markdown(variant.name)}**: {markdown(told)}"


def _draw(table: Table) -> str:
    lines = [
        [_header(column) for column in table.columns],
        ["---:" if column.is_number else "---" for column in table.columns],
        *([_text(entry) for entry in row] for row in table.rows),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _header(column: Column) -> str:
    return markdown(f"{column.point}: {column.name}" if column.point else column.name)


def _text(entry: Entry) -> str:
    return f"**{markdown(entry.text)}** \\*" if entry.best else markdown(entry.text)
