"""`seqzoo probe DIR`: measure a trained run; print, save and plot the results."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqzoo.escape import json_text, rich_text, visible

if TYPE_CHECKING:
    from rich.table import Table

    from seqzoo.probe import Finding, Findings, Value

__all__ = ["command"]

MOST_LINES = 8  # of a finding's table; all are in probes.json


class Which(StrEnum):
    """Which checkpoint."""

    LAST = "last"
    BEST = "best"


def command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A trained run.")],
    probes: Annotated[
        list[str] | None, typer.Argument(metavar="[PROBE]...", show_default="all", help="Which.")
    ] = None,
    sequences: Annotated[int, typer.Option(min=1, help="Test sequences to look at.")] = 8,
    length: Annotated[
        int | None, typer.Option(min=1, help="Only the first tokens of each.")
    ] = None,
    checkpoint: Annotated[Which, typer.Option(help="Whose weights.")] = Which.LAST,
    figures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Draw what was found, as SVG and PNG.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a trained run: rank, spectrum, growth of errors, and what plugins add.

    `seqzoo parts --family probe` lists the probes. Results are saved in DIR/probes.json and shown
    by `seqzoo report --format html`.
    """
    from dataclasses import asdict

    from rich.console import Console

    import seqzoo
    from seqzoo.probe import keep_findings, measure

    status = Console(stderr=True, highlight=False)
    findings = measure(
        directory,
        seqzoo.load_registry(),
        tuple(probes or ()),
        sequences=sequences,
        length=length,
        checkpoint=checkpoint.value,
        progress=lambda name: status.print(f"probe {name}", style="dim"),
    )
    if figures is not None:
        from seqzoo.report.figures.probes import Probed, draw_probes
        from seqzoo.report.figures.save import save_figures

        save_figures(list(draw_probes([Probed("", findings.found)])), figures)
    if as_json:
        print(json_text(asdict(findings)))
    else:
        _show(findings, directory)
    if dropped := keep_findings(findings, directory):
        what = f"{directory}/probes.json no longer has what {', '.join(dropped)} found"
        status.print(rich_text(f"{what}: they saw other weights or tokens"), soft_wrap=True)


def _show(findings: Findings, directory: Path) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for finding in findings.found:
        console.print()
        console.print(rich_text(f"{finding.probe}: {finding.title}", "bold"))
        for line in finding.note.splitlines():
            console.print(rich_text(line))
        if finding.rows:
            console.print(_table(finding))
    console.print()
    console.print(
        rich_text(
            f"{findings.sequences} test sequences of {findings.length} tokens, checkpoint "
            f"{findings.checkpoint} at step {findings.step:,}; all numbers: "
            f"{directory}/probes.json",
            "dim",
        ),
        soft_wrap=True,
    )


def _table(finding: Finding) -> Table:
    """A few evenly spaced rows of each line of the plot, including the first and the last."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in finding.rows[0]:
        table.add_column(visible(name), justify="right")
    for value in dict.fromkeys(row[finding.plot.by] for row in finding.rows):
        rows = [row for row in finding.rows if row[finding.plot.by] == value]
        count = min(len(rows), MOST_LINES)
        places = {round(i * (len(rows) - 1) / max(1, count - 1)) for i in range(count)}
        for place in sorted(places):
            table.add_row(*(rich_text(_text(entry)) for entry in rows[place].values()))
    return table


def _text(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
