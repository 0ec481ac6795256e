"""Length generalisation: the metric at each test length of a task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from matplotlib.axes import Axes

from seqzoo.escape import figure_label
from seqzoo.report.collect.results import Result
from seqzoo.report.figures.along import draw_line, shifts, spread_out, tick_each
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
from seqzoo.report.figures.style import INK, figure_style
from seqzoo.report.report import Report
from seqzoo.report.statistics.summary import Summary, summarize

__all__ = ["by_length", "draw_lengths"]

Lines = Mapping[Series, Mapping[int, Summary]]  # series -> length -> over seeds


def draw_lengths(report: Report) -> Iterator[Drawing]:
    """Draw one panel per point; nothing if no task tests several lengths."""
    runs = runs_by_cell(report)
    panels, series = panels_of(report, report.collection.axes)
    found: list[tuple[Panel, Lines, list[Result]]] = []
    for panel in panels:
        lines: dict[Series, Mapping[int, Summary]] = {}
        own: list[Result] = []
        for one in series:
            done = [result for cell in panel.of(one) for result in runs.get(cell.key, [])]
            if summaries := by_length(done):
                lines[one] = summaries
                own += done
        if lines:
            found.append((panel, lines, own))
    shown, left_out = some_of([panel for panel, _, _ in found])
    if not shown:
        return
    with figure_style():
        figure, grid = make_axes(len(shown), 3.5, 2.5)
        for ax, (panel, drawn, done) in zip(grid, found, strict=False):
            _draw(ax, panel, drawn, done)
        share_scale([panel.metric.partition("@")[0] for panel in shown], grid, "y")
        add_legend(figure, grid)
    yield Drawing(
        name="lengths",
        title="Length generalisation",
        caption="The metric by length of the test sequences: mean over seeds with its bootstrap "
        "95 % interval; the dotted line is the length of training." + left_out,
        figure=figure,
    )


def by_length(results: Sequence[Result]) -> dict[int, Summary]:
    """The task's metric over seeds at each test length, in increasing order.

    A task with `test_lengths` names its metrics `NAME@LENGTH`.
    """
    values: dict[int, list[float]] = {}
    for result in results:
        task = result.spec.get("task") or {}
        if result.record is None or not task.get("test_lengths"):
            continue
        name = result.record.metric.name.partition("@")[0]
        for length in sorted({task["length"], *task["test_lengths"]}):
            value = result.record.metrics.get(f"{name}@{length}")
            if value is not None:
                values.setdefault(length, []).append(value)
    summaries = {length: summarize(values[length]) for length in sorted(values)}
    return {length: each for length, each in summaries.items() if each is not None}


def _draw(ax: Axes, panel: Panel, lines: Lines, results: Sequence[Result]) -> None:
    for (one, summaries), shift in zip(lines.items(), shifts(len(lines)), strict=True):
        draw_line(ax, one.name, list(summaries.items()), one.look, shift)
    lengths = sorted({length for summaries in lines.values() for length in summaries})
    spread_out(ax, lengths)
    tick_each(ax, lengths)
    for trained in {result.spec["task"]["length"] for result in results}:
        ax.axvline(trained, color=INK, linestyle=":", linewidth=1.0, zorder=0)
    metric = panel.metric.partition("@")[0]
    finish_metric_axis(ax, panel, metric, is_own=True)
    ax.set_title(figure_label(panel.title))
    ax.set_xlabel("test length")
    ax.set_ylabel(figure_label(metric))
    ax.grid()
