"""A report's cells put into panels and series, and the axes to draw them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqzoo.escape import figure_label
from seqzoo.grid.labels import shortened
from seqzoo.report.collect.comparing import DIRECTORY
from seqzoo.report.collect.place import VARIANT, label_of, part_of
from seqzoo.report.collect.results import Result
from seqzoo.report.figures.style import Look, looks
from seqzoo.report.report import Report
from seqzoo.report.statistics.over_seeds import Cell

__all__ = [
    "MOST_PANELS",
    "Drawing",
    "Panel",
    "add_legend",
    "make_axes",
    "metric_label",
    "panels_of",
    "runs_by_cell",
    "some_of",
]

MOST_PANELS = 12
SERIES = (VARIANT, DIRECTORY)


@dataclass(frozen=True)
class Drawing:
    """A figure with its file's name, its title, and what is to be known to read it."""

    name: str
    title: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class Panel:
    """What is drawn on one pair of axes: the cells of one place, each with its series' name."""

    title: str
    cells: tuple[tuple[str, Cell], ...]

    @property
    def metric(self) -> str:
        """Its cells' metric; of several, the first's."""
        return next((cell.metric for _, cell in self.cells if cell.metric), "")

    def of(self, series: str) -> list[Cell]:
        """The cells of one series that have the panel's metric."""
        return [
            cell
            for name, cell in self.cells
            if name == series and cell.summary is not None and cell.metric == self.metric
        ]


def panels_of(report: Report, factors: Sequence[str]) -> tuple[list[Panel], dict[str, Look]]:
    """One panel for each place on these axes, and the look of each series; series are variants.

    Panels in which nothing is measured are left out, and in their titles what all have in common.
    """
    points = shortened([cell.point for cell in report.cells])
    factors = [each for each in factors if len({repr(point.get(each)) for point in points}) > 1]
    groups: dict[str, list[tuple[str, Cell]]] = {}
    for cell, point in zip(report.cells, points, strict=True):
        short = replace(cell, point=point)
        series = label_of(part_of(short, SERIES)) or report.collection.name
        panel = label_of(part_of(short, [factor for factor in factors if factor != DIRECTORY]))
        groups.setdefault(panel, []).append((series, cell))
    panels = [
        Panel(title, tuple(cells))
        for title, cells in groups.items()
        if any(cell.summary for _, cell in cells)
    ]
    series = [(not cell.is_base, name) for panel in panels for name, cell in panel.cells]
    in_order = [name for is_other in (False, True) for other, name in series if other == is_other]
    return panels, looks(in_order)


def runs_by_cell(report: Report) -> dict[tuple[str, str], list[Result]]:
    """Variant and `key_of` its point -> the runs that are done."""
    runs: dict[tuple[str, str], list[Result]] = {}
    for result in report.collection.results:
        if result.state == "done":
            runs.setdefault(result.cell, []).append(result)
    return runs


def some_of(panels: Sequence[Panel], most: int = MOST_PANELS) -> tuple[list[Panel], str]:
    """The panels to draw, and what the caption says of the others.

    All that fit in a figure; of more than that the first half as many: nobody reads hundreds, and
    most of a large report's time is its figures.
    """
    if len(panels) <= most:
        return list(panels), ""
    few = list(panels[: most // 2])
    return few, f" The first {len(few)} of {len(panels)}; the tables have them all."


def make_axes(
    count: int, width: float, height: float, columns: int = 3
) -> tuple[Figure, list[Axes]]:
    """A figure with so many axes, each of this size in inches, in up to so many columns.

    Four of them stand two by two.
    """
    columns = 2 if (count, columns) == (4, 3) else min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(width * columns + 0.3, height * rows + 0.3), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    for unused in grid[count:]:
        figure.delaxes(unused)
    return figure, grid[:count]


def add_legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """One legend for all axes, above them, unless there is one series alone."""
    named = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    if len(named) > 1:
        columns = max(1, int(figure.get_figwidth() / (0.075 * max(map(len, named)) + 0.5)))
        figure.legend(
            list(named.values()), list(named), loc="outside upper left", ncols=columns, fontsize=8
        )


def metric_label(panel: Panel) -> str:
    """The metric and which way is better, where that is known."""
    ways = {cell.higher_is_better for _, cell in panel.cells if cell.higher_is_better is not None}
    if len(ways) != 1:
        return figure_label(panel.metric)
    return figure_label(f"{panel.metric} ({'higher' if ways.pop() else 'lower'} is better)")
