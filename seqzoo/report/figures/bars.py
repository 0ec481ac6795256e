"""Ablation bars: the mean of each variant with its interval, and every seed as a dot."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes

from seqzoo.escape import figure_label
from seqzoo.report.figures.panels import (
    Drawing,
    Panel,
    make_axes,
    metric_label,
    panels_of,
    some_of,
)
from seqzoo.report.figures.style import INK, Look, figure_style
from seqzoo.report.report import Report
from seqzoo.report.statistics.over_seeds import Cell
from seqzoo.report.tables.wording import metric_text, number

__all__ = ["draw_bars"]


def draw_bars(report: Report) -> Iterator[Drawing]:
    """One panel a point of the axes, one bar a variant; nothing where there is one cell alone."""
    panels, series = panels_of(report, report.collection.axes)
    if len(series) == 1 and len(panels) > 1:
        panels = [_turned(panels)]
        series = dict.fromkeys((name for name, _ in panels[0].cells), *series.values())
    if len(series) < 2:
        return
    shown, left_out = some_of(panels)
    with figure_style():
        figure, grid = make_axes(len(shown), 3.6, 0.75 + 0.24 * len(series))
        for ax, panel in zip(grid, shown, strict=True):
            _draw(ax, panel, series)
            where = ax.get_subplotspec()
            if where is not None and not where.is_first_col():
                ax.set_yticklabels([])
    yield Drawing(
        name="bars",
        title="Ablation",
        caption="Mean over seeds, bootstrap 95 % interval, every seed as a dot." + left_out,
        figure=figure,
    )


def _turned(panels: list[Panel]) -> Panel:
    """Points as series, where there is one series alone."""
    return Panel("", tuple((panel.title, cell) for panel in panels for _, cell in panel.cells))


def _draw(ax: Axes, panel: Panel, series: dict[str, Look]) -> None:
    names = list(series)
    for place, name in enumerate(names):
        for cell in panel.of(name):
            _draw_bar(ax, place, cell, series[name])
        if not panel.of(name):
            _say(
                ax,
                place,
                ", ".join(metric_text(cell) for each, cell in panel.cells if each == name),
            )
    ax.set_title(figure_label(panel.title))
    ax.set_xlabel(metric_label(panel))
    ax.set_yticks(range(len(names)), [figure_label(name) for name in names])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.margins(x=0.2)
    ax.grid(axis="x")
    ax.set_axisbelow(True)


def _draw_bar(ax: Axes, place: int, cell: Cell, look: Look) -> None:
    summary = cell.summary
    if summary is None:
        return
    plain = look.color == INK
    ax.barh(
        place,
        summary.mean,
        height=0.72,
        facecolor="#8a8f98" if plain else look.color,
        edgecolor=INK,
        linewidth=0.6,
        hatch=look.hatch,
    )
    end = summary.maximum
    if summary.interval is not None:
        low, high = summary.interval
        for color, width in (("white", 4.0), ("black", 1.8)):  # on any bar and any page
            ax.plot([low, high], [place, place], "|-", color=color, linewidth=width, markersize=8)
        ax.plot(
            summary.values,
            [place + 0.2] * summary.n,
            "o",
            markersize=3,
            markerfacecolor="white",
            markeredgecolor="black",
            markeredgewidth=0.7,
        )
    _say(ax, place, number(summary.mean), max(end, 0.0))


def _say(ax: Axes, place: int, text: str, end: float = 0.0) -> None:
    """A word beside the bar that ends there, or in its place."""
    ax.annotate(
        figure_label(text),
        (end, place),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        fontsize=7.5,
    )
