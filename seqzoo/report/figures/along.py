"""The metric against an axis of numbers: depth, kernel size, length."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import nan
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation, Transform

from seqzoo.escape import figure_label
from seqzoo.grid.labels import axis_label, value_label
from seqzoo.report.figures.panels import (
    Drawing,
    Panel,
    Series,
    add_legend,
    finish_metric_axis,
    in_one_measure,
    make_axes,
    measure_label,
    panels_of,
    share_scale,
    some_of,
)
from seqzoo.report.figures.style import Look, figure_style
from seqzoo.report.figures.ticks import count_label
from seqzoo.report.report import Report
from seqzoo.report.statistics.summary import Summary

__all__ = ["MOST_WHISKERS", "draw_along_axes", "draw_line", "shifts", "spread_out", "tick_each"]

MOST_WHISKERS = 12  # of a line: more of them hide it
SHIFT = 2.5  # points


def draw_along_axes(report: Report) -> Iterator[Drawing]:
    """Draw one figure for each numeric axis, with a panel for each point of the other axes."""
    for axis in report.collection.axes:
        values = {_number(cell.point.get(axis)) for cell in report.cells} - {None}
        if len(values) < 2:
            continue
        others = [path for path in report.collection.axes if path != axis]
        panels, series = panels_of(report, others)
        panels, which = in_one_measure(panels)
        shown, left_out = some_of(panels)
        if not shown:
            continue
        with figure_style():
            figure, grid = make_axes(len(shown), 3.5, 2.5)
            for ax, panel in zip(grid, shown, strict=True):
                _draw(ax, panel, series, axis)
            share_scale([panel.measure for panel in shown], grid, "y")
            add_legend(figure, grid)
        yield Drawing(
            name="along-" + re.sub(r"[^A-Za-z0-9_.]+", "-", axis),
            title=f"Against {axis_label(axis)}",
            caption="Mean over seeds with its bootstrap 95 % interval."
            + which
            + _flat(shown)
            + _without_number(shown, axis)
            + left_out,
            figure=figure,
        )


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None


def spread_out(ax: Axes, values: Sequence[float]) -> None:
    """Use a logarithmic horizontal axis if the values span a factor of eight or more.

    Ticks are labelled with plain counts: 500, 2k, 1.5M.
    """
    if min(values) > 0 and max(values) / min(values) >= 8:
        ax.set_xscale("log")
        wide = max(values) / min(values) > 100
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
        ax.xaxis.set_minor_locator(LogLocator(subs=(2.0, 5.0)) if wide else NullLocator())
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(lambda value, _: count_label(value))


def draw_line(
    ax: Axes, name: str, points: Sequence[tuple[float, Summary]], look: Look, shift: float = 0.0
) -> None:
    """Draw a series' means with their intervals, as whiskers or, for many points, as a band.

    Args:
        ax: the axes to draw on.
        name: the label of the series.
        points: (position, summary) in increasing order of position.
        look: how the series is drawn.
        shift: offset to the right in points, so that whiskers of several series do not
            overlap; bands are not shifted.
    """
    places = [place for place, _ in points]
    means = [summary.mean for _, summary in points]
    ends = [summary.interval or (summary.mean, summary.mean) for _, summary in points]
    lows, highs = zip(*ends, strict=True)
    crowded = len(points) > MOST_WHISKERS
    where = ax.transData
    if crowded:
        ax.fill_between(places, lows, highs, **look.band)
    else:
        figure = ax.get_figure(root=True)
        assert figure is not None
        where += ScaledTranslation(shift / 72, 0, figure.dpi_scale_trans)
        _draw_whiskers(ax, places, lows, highs, look, where)
        ax.update_datalim([*zip(places, lows, strict=True), *zip(places, highs, strict=True)])
        ax.autoscale_view()  # which sees nothing of what is shifted
    ax.plot(
        places,
        means,
        **look.line,
        markevery=max(1, len(points) // 6) if crowded else None,
        label=figure_label(name),
        transform=where,
    )


def _draw_whiskers(
    ax: Axes,
    places: Sequence[float],
    lows: Sequence[float],
    highs: Sequence[float],
    look: Look,
    where: Transform,
) -> None:
    """Draw a capped bar from low to high at each position, all as one line with gaps."""
    xs = [x for place in places for x in (place, place, nan)]
    ys = [y for low, high in zip(lows, highs, strict=True) for y in (low, high, nan)]
    ax.plot(
        xs,
        ys,
        "_",
        linestyle="-",
        color=look.color,
        linewidth=0.8,
        markersize=4,
        transform=where,
    )


def shifts(count: int) -> list[float]:
    """The offsets, in points, of several series drawn side by side."""
    return [SHIFT * (number - (count - 1) / 2) for number in range(count)]


def tick_each(ax: Axes, places: Sequence[float]) -> None:
    """Put a tick at each position if there are at most eight."""
    if len(places) <= 8:
        ax.set_xticks(places, [f"{place:g}" for place in places])
        ax.minorticks_off()


def _flat(panels: Sequence[Panel]) -> str:
    """The caption's sentence on references, if any are drawn."""
    has_reference = any(cell.at for panel in panels for _, cell in panel.cells)
    return " A series without this axis is drawn level, as a reference." if has_reference else ""


def _without_number(panels: Sequence[Panel], axis: str) -> str:
    """The caption's sentence on values that have no place on an axis of numbers."""
    values = [
        cell.standing[axis]
        for panel in panels
        for _, cell in panel.cells
        if cell.n and axis in cell.standing and _number(cell.standing[axis]) is None
    ]
    labels = list(dict.fromkeys(map(value_label, values)))
    if not labels:
        return ""
    return f" Not drawn, since not numbers: {', '.join(labels)}; the tables have them."


def _draw(ax: Axes, panel: Panel, series: Sequence[Series], axis: str) -> None:
    ticks = set()
    for one, shift in zip(series, shifts(len(series)), strict=True):
        points = [
            (value, cell.measure.summary)
            for cell in panel.of(one)
            if (value := _number(cell.standing.get(axis))) is not None
            and cell.measure.summary is not None
        ]
        points.sort(key=lambda point: point[0])
        if not points:
            continue
        ticks.update(value for value, _ in points)
        draw_line(ax, one.name, points, one.look, shift)
    if not ticks:
        return
    spread_out(ax, sorted(ticks))
    tick_each(ax, sorted(ticks))
    finish_metric_axis(ax, panel, panel.measure)
    ax.set_title(figure_label(panel.title))
    ax.set_xlabel(figure_label(axis_label(axis)))
    ax.set_ylabel(measure_label(panel))
    ax.grid()
