"""The metric over disjoint bands of positions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from matplotlib.axes import Axes

from seqzoo.escape import figure_label
from seqzoo.report.collect.results import Result
from seqzoo.report.figures.along import draw_line, shifts
from seqzoo.report.figures.panels import (
    Drawing,
    Panel,
    Series,
    add_legend,
    finish_metric_axis,
    make_axes,
    panels_of,
    runs_by_cell,
    share_scale,
    some_of,
)
from seqzoo.report.figures.style import figure_style
from seqzoo.report.report import Report
from seqzoo.report.statistics.summary import Summary, summarize

__all__ = ["by_band", "draw_bands"]

Band = tuple[int, int]  # first and last position, from 1
Lines = Mapping[Series, Mapping[Band, Summary]]
NAME = re.compile(r"(.+)@(\d+)-(\d+)")


def draw_bands(report: Report) -> Iterator[Drawing]:
    """Draw one panel per point; nothing if no task measures bands (`accuracy@33-64`)."""
    runs = runs_by_cell(report)
    panels, series = panels_of(report, report.collection.axes)
    found: list[tuple[Panel, Lines]] = []
    for panel in panels:
        lines: dict[Series, Mapping[Band, Summary]] = {}
        for one in series:
            done = [result for cell in panel.of(one) for result in runs.get(cell.key, [])]
            if summaries := by_band(done, panel.metric):
                lines[one] = summaries
        if lines:
            found.append((panel, lines))
    shown, left_out = some_of([panel for panel, _ in found])
    if not shown:
        return
    with figure_style():
        figure, grid = make_axes(len(shown), 3.5, 2.5)
        for ax, (panel, drawn) in zip(grid, found, strict=False):
            _draw(ax, panel, drawn)
        share_scale([panel.metric for panel in shown], grid, "y")
        add_legend(figure, grid)
    yield Drawing(
        name="bands",
        title="By position",
        caption="Mean over the positions of each band, and over seeds with its bootstrap 95 % "
        "interval; each position is in one band." + left_out,
        figure=figure,
    )


def by_band(results: Sequence[Result], metric: str) -> dict[Band, Summary]:
    """The metric over seeds in each band, in order of position."""
    values: dict[Band, list[float]] = {}
    for result in results:
        for name, value in (result.record.metrics if result.record else {}).items():
            match = NAME.fullmatch(name)
            if match is not None and match[1] == metric.partition("@")[0]:
                values.setdefault((int(match[2]), int(match[3])), []).append(value)
    summaries = {band: summarize(values[band]) for band in sorted(values)}
    return {band: each for band, each in summaries.items() if each is not None}


def _draw(ax: Axes, panel: Panel, lines: Lines) -> None:
    bands = sorted({band for summaries in lines.values() for band in summaries})
    for (one, summaries), shift in zip(lines.items(), shifts(len(lines)), strict=True):
        points = [(float(bands.index(band)), each) for band, each in summaries.items()]
        draw_line(ax, one.name, points, one.look, shift)
    metric = panel.metric.partition("@")[0]
    finish_metric_axis(ax, panel, metric, is_own=True)
    ax.set_xticks(range(len(bands)), [f"{first}-{last}" for first, last in bands])
    ax.set_title(figure_label(panel.title))
    ax.set_xlabel("positions")
    ax.set_ylabel(figure_label(metric))
    ax.grid()
