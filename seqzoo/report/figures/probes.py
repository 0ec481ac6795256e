"""Figures of what probes found on a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from matplotlib.ticker import NullFormatter

from seqzoo.escape import figure_label
from seqzoo.probe import Finding, read_findings
from seqzoo.report.figures.panels import Drawing, add_legend, make_axes
from seqzoo.report.figures.style import figure_style, look_at
from seqzoo.report.report import Report

__all__ = ["MOST_RUNS", "draw_findings", "draw_probed_runs"]

MOST_RUNS = 4


def draw_findings(found: Sequence[Finding], run: str = "", name: str = "") -> list[Drawing]:
    """One figure for each finding that has rows.

    Args:
        found: the findings on one run.
        run: the run's name in titles; "" if it is the only one.
        name: the prefix of the figures' names.
    """
    return [_draw(finding, run, name) for finding in found if finding.rows]


def draw_probed_runs(report: Report) -> Iterator[Drawing]:
    """The figures of the first runs of a report that `seqzoo probe` has measured."""
    names = report.collection.labels
    probed = (
        (result, findings)
        for result in report.collection.results
        if (findings := read_findings(result.directory)) is not None
    )
    for result, findings in islice(probed, MOST_RUNS):
        run = names.run(result.variant, result.point, result.seed)
        yield from draw_findings(findings.found, run, f"{result.run_id}-")


def _draw(finding: Finding, run: str, name: str) -> Drawing:
    plot = finding.plot
    with figure_style():
        figure, (ax, *_) = make_axes(1, 3.5, 2.5)
        for place, (label, points) in enumerate(_lines(finding)):
            look = look_at(place)
            xs, ys = zip(*points, strict=True)
            ax.plot(xs, ys, **look.line, markevery=max(1, len(xs) // 6), label=figure_label(label))
        for axis, scale in ((ax.xaxis, ax.set_xscale), (ax.yaxis, ax.set_yscale)):
            if axis.axis_name in plot.log:
                scale("log")
                axis.set_major_formatter(lambda value, _: f"{value:g}")
                axis.set_minor_formatter(NullFormatter())
        ax.set_xlabel(figure_label(plot.x_label))
        ax.set_ylabel(figure_label(plot.y_label))
        ax.grid()
        add_legend(figure, [ax])
    title = f"{finding.title}: {run}" if run else finding.title
    caption = " ".join(text for text in (finding.meaning, finding.note) if text)
    return Drawing(f"{name}probe-{finding.probe}", title, caption, figure)


def _lines(finding: Finding) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Name and points of each line: one for each value of `by` and each column."""
    plot = finding.plot
    for value in dict.fromkeys(row[plot.by] for row in finding.rows):
        rows = [row for row in finding.rows if row[plot.by] == value]
        for column in plot.ys:
            points = [
                (float(x), float(y))
                for row in rows
                if isinstance(x := row[plot.x], int | float)
                and isinstance(y := row[column], int | float)
            ]
            if points:
                label = f"{plot.by} {value}"
                yield (label if len(plot.ys) == 1 else f"{label}, {column}"), points
