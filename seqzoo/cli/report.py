"""`seqzoo report DIR`: the table of a grid's directory, or a run's, from its records."""

from __future__ import annotations

import io
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from seqzoo.report import Report, make_report, print_report, to_csv, to_json, to_markdown
from seqzoo.train.files import write_whole

__all__ = ["command"]

WIDTH = 120  # of a table in a file


class Format(StrEnum):
    """How a report is written."""

    table = "table"
    markdown = "markdown"
    csv = "csv"
    json = "json"


def command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", show_default=False)],
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.table,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="Any metric of the records.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write here instead of printing.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what the runs of a directory say together: mean, deviation, difference to the base."""
    report = make_report(directory, metric)
    form = Format.json if as_json else form
    if output is not None:
        write_whole(output, _text(report, form))
    elif form is Format.table:
        print_report(report, Console(highlight=False))
    else:
        print(_text(report, form), end="")


def _text(report: Report, form: Format) -> str:
    match form:
        case Format.markdown:
            return to_markdown(report)
        case Format.csv:
            return to_csv(report)
        case Format.json:
            return to_json(report)
        case Format.table:
            page = io.StringIO()
            print_report(report, Console(file=page, width=WIDTH, highlight=False))
            return page.getvalue()
