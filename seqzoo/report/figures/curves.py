"""Learning curves: each variant's mean over seeds, with a band from minimum to maximum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from seqzoo.escape import figure_label
from seqzoo.report.collect.evaluations import Curve, read_curves
from seqzoo.report.collect.results import Result
from seqzoo.report.figures.panels import (
    Drawing,
    Panel,
    Series,
    add_legend,
    finish_metric_axis,
    make_axes,
    metric_label,
    panels_of,
    runs_by_cell,
    share_scale,
    some_of,
)
from seqzoo.report.figures.style import figure_style
from seqzoo.report.report import Report
from seqzoo.report.statistics.over_seeds import Cell, CellKey

__all__ = ["draw_curves", "mean_and_band"]

MOST_POINTS = 300  # of a line

Runs = dict[CellKey, list[Result]]
Lines = list[tuple[Series, list[Curve]]]


def draw_curves(report: Report) -> Iterator[Drawing]:
    """Draw one panel per point; nothing if no run logged evaluations."""
    runs = runs_by_cell(report)
    panels, series = panels_of(report, report.collection.axes)
    shown, left_out = some_of(panels)
    drawn: list[tuple[Panel, Lines]] = []
    for panel in shown:
        lines = [
            (one, curves)
            for one in series
            if (curves := [c for cell in panel.of(one) for c in _curves(cell, runs)])
        ]
        if lines:
            drawn.append((panel, lines))
    if not drawn:
        return
    several = any(len(curves) > 1 for _, lines in drawn for _, curves in lines)
    with figure_style():
        figure, grid = make_axes(len(drawn), 3.5, 2.5)
        for ax, (panel, lines) in zip(grid, drawn, strict=True):
            _draw(ax, panel, lines)
        share_scale([panel.metric for panel, _ in drawn], grid, "y")
        add_legend(figure, grid)
    yield Drawing(
        name="curves",
        title="Learning curves",
        caption=("Mean over seeds; the band spans the seeds." if several else "One seed each.")
        + " A run that stopped early keeps its last value."
        + left_out,
        figure=figure,
    )


def _curves(cell: Cell, runs: Runs) -> list[Curve]:
    results = runs.get(cell.key, [])
    curves = (read_curves(result.directory, result.record).get(cell.metric) for result in results)
    return [curve for curve in curves if curve is not None]


def mean_and_band(
    curves: Sequence[Curve],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Steps, mean, minimum and maximum of several curves, at every step that one of them has.

    Curves are interpolated linearly and keep their last value.
    """
    steps = np.unique(np.concatenate([curve.steps for curve in curves])).astype(np.float64)
    steps = steps[np.unique(np.linspace(0, len(steps) - 1, MOST_POINTS).round().astype(int))]
    values = np.stack([np.interp(steps, curve.steps, curve.values) for curve in curves])
    return steps, values.mean(axis=0), values.min(axis=0), values.max(axis=0)


def _draw(ax: Axes, panel: Panel, lines: Lines) -> None:
    for place, (one, curves) in enumerate(lines):
        steps, mean, low, high = mean_and_band(curves)
        stride = max(1, len(steps) // 6)
        ax.plot(
            steps,
            mean,
            **one.look.line,
            markevery=(place % stride, stride),
            label=figure_label(one.name),
        )
        if len(curves) > 1:
            ax.fill_between(steps, low, high, **one.look.band)
    finish_metric_axis(ax, panel, panel.metric)
    ax.set_title(figure_label(panel.title))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True))
    ax.set_xlabel("optimizer steps")
    ax.set_ylabel(metric_label(panel))
    ax.grid()
