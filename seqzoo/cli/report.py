"""`seqzoo report DIR`: report on a grid's or a run's directory from its records."""

from __future__ import annotations

import io
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from seqzoo.errors import SpecError
from seqzoo.escape import visible

if TYPE_CHECKING:
    from seqzoo.report import Report

__all__ = ["command"]

WIDTH = 120  # of a table in a file


class Format(StrEnum):
    """The formats of a report."""

    table = "table"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    json = "json"
    parquet = "parquet"
    html = "html"


def command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", show_default=False)],
    form: Annotated[
        Format, typer.Option("--format", metavar="FORMAT", help=f"{', '.join(Format)}.")
    ] = Format.table,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="Another metric of the records.")
    ] = None,
    rows: Annotated[
        str,
        typer.Option(metavar="NAMES", help="Factors of the rows: variant, axes; comma-separated."),
    ] = "",
    columns: Annotated[str, typer.Option(metavar="NAMES", help="Factors of the columns.")] = "",
    statistics: Annotated[
        bool | None,
        typer.Option(
            "--statistics/--no-statistics",
            help="Compare variants over all points. Default: if there are six pairs of runs.",
            show_default=False,
        ),
    ] = None,
    compare: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Compare with this directory; may be repeated."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write here instead of printing.")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Save figures here, as SVG and PNG.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Report on a grid or a run: means over seeds, differences from the base, costs, figures."""
    from seqzoo.report import make_report
    from seqzoo.report.collect.garbage import collector_at_rest

    form = Format.json if as_json else form
    if form is Format.parquet and output is None and sys.stdout.isatty():
        raise SpecError("Parquet cannot be printed on a terminal; add --output FILE")
    with collector_at_rest():  # over the imports to come, too
        report = make_report(
            directory,
            metric,
            others=compare or (),
            rows=_names(rows),
            columns=_names(columns),
            statistics=True if statistics is None and form is Format.html else statistics,
        )
        if figures is not None:
            _save_figures(report, figures)
        _write(report, form, output)


def _write(report: Report, form: Format, output: Path | None) -> None:
    from seqzoo.files import write_output
    from seqzoo.report import print_report, to_parquet

    if output is not None:
        write_output(output, _content(report, form))
    elif form is Format.table:
        print_report(report, Console(highlight=False))
    elif form is Format.parquet:
        sys.stdout.buffer.write(to_parquet(report))
    else:
        print(_text(report, form), end="")


def _save_figures(report: Report, folder: Path) -> None:
    from seqzoo.report.figures import draw_figures, save_figures  # matplotlib takes a second

    drawings = draw_figures(report)
    save_figures(drawings, folder)
    names = ", ".join(drawing.name for drawing in drawings) or "none: there is nothing to compare"
    print(visible(f"figures in {folder}: {names}"), file=sys.stderr)


def _names(words: str) -> list[str]:
    return [word.strip() for word in words.split(",") if word.strip()]


def _content(report: Report, form: Format) -> str | bytes:
    from seqzoo.report import to_parquet

    return to_parquet(report) if form is Format.parquet else _text(report, form)


def _text(report: Report, form: Format) -> str:
    from seqzoo.report import print_report, to_csv, to_json, to_latex, to_markdown

    match form:
        case Format.markdown:
            return to_markdown(report)
        case Format.latex:
            return to_latex(report)
        case Format.csv:
            return to_csv(report)
        case Format.json:
            return to_json(report)
        case Format.html:
            from seqzoo.report.html import to_html  # matplotlib takes a second

            return to_html(report)
        case _:
            page = io.StringIO()
            print_report(report, Console(file=page, width=WIDTH, highlight=False))
            return page.getvalue()
