"""Ablation bars: the mean of each variant with its interval, and every seed as a dot."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes

from seqzoo.escape import figure_label
from seqzoo.report.figures.folding import folded, num_lines
from seqzoo.report.figures.panels import (
    Drawing,
    Panel,
    Series,
    add_legend,
    ceiling,
    chance_of,
    in_one_measure,
    make_axes,
    measure_label,
    panels_of,
    share_scale,
    some_of,
)
from seqzoo.report.figures.style import CHANCE, INK, figure_style
from seqzoo.report.report import Report
from seqzoo.report.statistics.over_seeds import Cell
from seqzoo.report.tables.wording import mean_text, metric_text

__all__ = ["draw_bars"]

LABEL = 32  # characters of a line
SEVERAL = "Mean over seeds, bootstrap 95 % interval, every seed as a dot."


def draw_bars(report: Report) -> Iterator[Drawing]:
    """Draw one panel per point with one bar per variant; nothing if there is only one cell."""
    panels, series = panels_of(report, report.collection.axes)
    if len(series) == 1 and len(panels) > 1:
        panels, series = _turned(panels, series[0])
    if len(series) < 2:
        return
    panels, which = in_one_measure(panels)
    shown, left_out = some_of(panels)
    lines = max(num_lines(folded(one.name, LABEL)) for one in series)
    with figure_style():
        figure, grid = make_axes(len(shown), 3.6, 0.75 + max(0.24, 0.15 * lines) * len(series))
        for ax, panel in zip(grid, shown, strict=True):
            _draw(ax, panel, series)
            where = ax.get_subplotspec()
            if where is not None and not where.is_first_col():
                ax.set_yticklabels([])
        share_scale([panel.measure for panel in shown], grid, "x")
        add_legend(figure, grid, least=1)
    several = any(cell.n > 1 for panel in shown for _, cell in panel.cells)
    censored = any(cell.measure.censored for panel in shown for _, cell in panel.cells)
    yield Drawing(
        name="bars",
        title="Ablation",
        caption=(SEVERAL if several else "One seed each.")
        + which
        + (" A triangle: the seed never met the target, and its bar is a bound." * censored)
        + left_out,
        figure=figure,
    )


def _turned(panels: list[Panel], only: Series) -> tuple[list[Panel], list[Series]]:
    """Turn points into series, for a report with a single series."""
    series = [Series(str(place), panel.title, only.look) for place, panel in enumerate(panels)]
    cells = zip(series, panels, strict=True)
    turned = Panel("", tuple((own, cell) for own, panel in cells for _, cell in panel.cells))
    return [turned], series


def _draw(ax: Axes, panel: Panel, series: list[Series]) -> None:
    for place, one in enumerate(series):
        for cell in panel.of(one):
            _draw_bar(ax, place, cell, one)
        if not panel.of(one):
            others = [metric_text(cell) for own, cell in panel.cells if own == one]
            _say(ax, place, ", ".join(others))
    ax.set_title(figure_label(panel.title))
    ax.set_xlabel(measure_label(panel))
    ax.set_yticks(range(len(series)), [folded(one.name, LABEL) for one in series])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(series) - 0.4, -0.6)
    ax.margins(x=0.2)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    top = ceiling(panel.measure)
    if top is not None:
        ax.set_xlim(0, 1.17 * top)  # room for the words beside a bar that is full
        ax.set_xticks([0, 0.25, 0.5, 0.75, 1.0])
    chance = chance_of(panel) if panel.measure == panel.metric else None
    if chance is not None:
        ax.axvline(chance, **{**CHANCE, "zorder": 3})


def _draw_bar(ax: Axes, place: int, cell: Cell, series: Series) -> None:
    measure = cell.measure
    summary = measure.summary
    if summary is None:
        return
    ax.barh(
        place,
        summary.mean,
        height=0.72,
        facecolor="#8a8f98" if series.is_plain else series.look.color,
        edgecolor=INK,
        linewidth=0.6,
        hatch=series.look.hatch,
    )
    end = summary.maximum
    if summary.interval is not None:
        low, high = summary.interval
        for color, width in (("white", 4.0), ("black", 1.8)):  # on any bar and any page
            ax.plot([low, high], [place, place], "|-", color=color, linewidth=width, markersize=8)
    for marker, is_censored in (("o", False), (">", True)):
        values = [
            v for seed, v in measure.values.items() if (seed in measure.censored) == is_censored
        ]
        if summary.interval is None and not is_censored:
            continue
        ax.plot(
            values,
            [place + 0.2] * len(values),
            marker,
            markersize=4.5 if is_censored else 3,
            markerfacecolor="white",
            markeredgecolor="black",
            markeredgewidth=0.7,
        )
    _say(ax, place, mean_text(cell), max(end, 0.0))


def _say(ax: Axes, place: int, text: str, end: float = 0.0) -> None:
    """Write a text beside the end of a bar, or where a bar would be."""
    ax.annotate(
        figure_label(text),
        (end, place),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        fontsize=7.5,
    )
