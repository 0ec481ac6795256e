"""Arrange a report's cells in panels and series, and make the axes to draw them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqzoo.escape import figure_label
from seqzoo.report.collect.comparing import DIRECTORY, SERIES
from seqzoo.report.collect.place import key_of, label_of, part_of
from seqzoo.report.collect.results import Result
from seqzoo.report.figures.folding import folded
from seqzoo.report.figures.style import CHANCE, INK, Look, look_at
from seqzoo.report.report import Report
from seqzoo.report.statistics.over_seeds import Cell, CellKey

__all__ = [
    "MOST_PANELS",
    "Drawing",
    "Panel",
    "Series",
    "add_legend",
    "ceiling",
    "chance_of",
    "finish_metric_axis",
    "in_one_measure",
    "make_axes",
    "measure_label",
    "metric_label",
    "panels_of",
    "runs_by_cell",
    "share_scale",
    "some_of",
]

MOST_PANELS = 12
LEGEND = 48  # characters of a line
LINE, GAP = 0.135, 0.06  # inches of a legend's line, and between entries
FIRST = LINE + GAP  # for which a figure has room


@dataclass(frozen=True)
class Series:
    """Cells drawn with one look, such as those of a variant.

    Attributes:
        key: its identity.
        name: its label in the legend.
        look: how it is drawn.
    """

    key: str
    name: str
    look: Look

    @property
    def is_plain(self) -> bool:
        """Whether it is drawn in ink, as the base is."""
        return self.look.color == INK


@dataclass(frozen=True)
class Drawing:
    """A figure with its file name, title, caption and notes on what it shows."""

    name: str
    title: str
    caption: str
    figure: Figure
    notes: tuple[str, ...] = ()

    @property
    def is_wide(self) -> bool:
        """Whether it has three columns of panels, and needs the whole width of a page."""
        return self.figure.get_figwidth() > 9


@dataclass(frozen=True)
class Panel:
    """The content of one pair of axes: the cells of one place, each with its series."""

    title: str
    cells: tuple[tuple[Series, Cell], ...]

    @property
    def measure(self) -> str:
        """The measure of its cells, that of the first if they differ."""
        return next((cell.measure.name for _, cell in self.cells if cell.measure.name), "")

    @property
    def metric(self) -> str:
        """The metric of its cells, that of the first if they differ."""
        return next((cell.metric for _, cell in self.cells if cell.metric), "")

    def of(self, series: Series) -> list[Cell]:
        """The cells of one series that have the panel's measure."""
        return [
            cell
            for own, cell in self.cells
            if own == series and cell.n and cell.measure.name == self.measure
        ]


def panels_of(report: Report, factors: Sequence[str]) -> tuple[list[Panel], list[Series]]:
    """Make one panel for each place on these axes; series are variants, the base first.

    A reference is repeated in every panel that it is compared in. Panels without a measurement are
    left out; titles omit what all panels have in common.
    """
    labels, cells = report.collection.labels, report.cells
    factors = [
        factor
        for factor in factors
        if factor != DIRECTORY
        and len({key_of(part_of(c.variant, c.standing, [factor])) for c in cells}) > 1
    ]
    places = [part_of(cell.variant, cell.standing, SERIES) for cell in cells]
    names = {key_of(place): label_of(place, labels) for place in places}
    in_order = [key_of(place) for cell, place in zip(cells, places, strict=True) if cell.is_base]
    series = {
        key: Series(key, names[key] or report.collection.name, look_at(number))
        for number, key in enumerate(dict.fromkeys([*in_order, *names]))
    }
    groups: dict[str, dict[tuple[str, CellKey], tuple[Series, Cell]]] = {}
    titles: dict[str, str] = {}
    for cell, own in zip(cells, places, strict=True):
        place = part_of(cell.variant, cell.standing, factors)
        titles.setdefault(key_of(place), label_of(place, labels))
        once = (_at_other_axes(cell, factors), cell.key)
        groups.setdefault(key_of(place), {}).setdefault(once, (series[key_of(own)], cell))
    panels = [
        Panel(titles[key], tuple(group.values()))
        for key, group in groups.items()
        if any(cell.n for _, cell in group.values())
    ]
    drawn = {own.key for panel in panels for own, _ in panel.cells}
    return panels, [own for key, own in series.items() if key in drawn]


def _at_other_axes(cell: Cell, factors: Sequence[str]) -> str:
    return key_of({axis: value for axis, value in cell.at.items() if axis not in factors})


def in_one_measure(panels: Sequence[Panel]) -> tuple[list[Panel], str]:
    """Panels of which none mixes steps to a target with metrics, and the caption's sentence.

    Steps are compared only at points where some run met the target. Where a panel has several
    points and that holds for some of them, all panels show the metric.
    """
    mixed = any(
        len({cell.measure.name for _, cell in panel.cells if cell.n and cell.target}) > 1
        for panel in panels
    )
    if not mixed:
        return list(panels), ""
    panels = [
        Panel(
            panel.title,
            tuple((own, replace(cell, measure=cell.of_metric)) for own, cell in panel.cells),
        )
        for panel in panels
    ]
    return panels, " The metric is drawn, not steps: at some points no run met the target."


def runs_by_cell(report: Report) -> dict[tuple[str, str], list[Result]]:
    """The finished runs of each cell."""
    runs: dict[tuple[str, str], list[Result]] = {}
    for result in report.collection.results:
        if result.state == "done":
            runs.setdefault(result.cell, []).append(result)
    return runs


def some_of(panels: Sequence[Panel], most: int = MOST_PANELS) -> tuple[list[Panel], str]:
    """The panels to draw, and the caption's sentence on the others.

    If there are more than `most`, the first half as many are drawn: nobody reads hundreds of
    panels, and figures take most of the time of a large report.
    """
    if len(panels) <= most:
        return list(panels), ""
    few = list(panels[: most // 2])
    return few, f" The first {len(few)} of {len(panels)}; the tables have them all."


def make_axes(
    count: int, width: float, height: float, columns: int = 3
) -> tuple[Figure, list[Axes]]:
    """Make a figure with `count` axes of this size in inches, in at most `columns` columns.

    Four axes are arranged two by two.
    """
    columns = 2 if (count, columns) == (4, 3) else min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(width * columns + 0.3, height * rows + 0.3), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    for unused in grid[count:]:
        figure.delaxes(unused)
    return figure, grid[:count]


def add_legend(figure: Figure, axes: Sequence[Axes], least: int = 2) -> None:
    """Add one legend above all axes if it has at least `least` entries."""
    named = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            named.setdefault(folded(label, LEGEND), handle)
    if len(named) >= least:
        longest = max(len(line) for label in named for line in label.split("\n"))
        columns = max(1, int(figure.get_figwidth() / (0.075 * longest + 0.5)))
        figure.set_figheight(figure.get_figheight() + _height_of(list(named), columns) - FIRST)
        figure.legend(
            list(named.values()), list(named), loc="outside upper left", ncols=columns, fontsize=8
        )


def _height_of(labels: Sequence[str], columns: int) -> float:
    """Inches of a legend's entries, which fill one column after the other."""
    rows = -(-len(labels) // columns)
    by_column = [labels[start : start + rows] for start in range(0, len(labels), rows)]
    lines = max(sum(label.count("\n") + 1 for label in column) for column in by_column)
    return LINE * lines + GAP * rows


def measure_label(panel: Panel) -> str:
    """The name of the panel's measure, with the direction of better if it is known."""
    ways = {cell.measure.higher_is_better for _, cell in panel.cells if cell.n} - {None}
    if len(ways) != 1:
        return figure_label(panel.measure)
    return figure_label(f"{panel.measure} ({'higher' if ways.pop() else 'lower'} is better)")


def share_scale(shown: Sequence[str], axes: Sequence[Axes], which: Literal["x", "y"]) -> None:
    """Give all axes that show the same, such as accuracy, the same limits."""
    groups: dict[str, list[Axes]] = {}
    for what, ax in zip(shown, axes, strict=True):
        groups.setdefault(what, []).append(ax)
    for group in groups.values():
        limits = [ax.get_xlim() if which == "x" else ax.get_ylim() for ax in group]
        low, high = min(end for end, _ in limits), max(end for _, end in limits)
        for ax in group:
            (ax.set_xlim if which == "x" else ax.set_ylim)(low, high)


def metric_label(panel: Panel) -> str:
    """The name of the panel's metric, with the direction of better if it is known."""
    ways = {cell.higher_is_better for _, cell in panel.cells} - {None}
    if len(ways) != 1:
        return figure_label(panel.metric)
    return figure_label(f"{panel.metric} ({'higher' if ways.pop() else 'lower'} is better)")


def ceiling(name: str) -> float | None:
    """The best possible value of a metric, if it is known: 1 for an accuracy."""
    return 1.0 if name.partition("@")[0] == "accuracy" else None


def chance_of(panel: Panel) -> float | None:
    """The chance level shared by all cells of a panel, None if it differs or is unknown."""
    levels = {cell.chance for _, cell in panel.cells if cell.n and cell.metric == panel.metric}
    return levels.pop() if len(levels) == 1 else None


def finish_metric_axis(ax: Axes, panel: Panel, metric: str, *, is_own: bool | None = None) -> None:
    """Extend the vertical axis to the metric's ceiling, and draw the chance level.

    Args:
        ax: the axes, with everything else already drawn.
        panel: the cells drawn there.
        metric: what the axis shows.
        is_own: whether the panel's chance level applies; None if it does only for its own metric.
    """
    is_own = metric == panel.metric if is_own is None else is_own
    level = chance_of(panel) if is_own else None
    if level is not None:
        ax.axhline(level, **CHANCE)
    if (top := ceiling(metric)) is not None:
        low = ax.get_ylim()[0]
        room = 0.03 * (top - low)
        ax.set_ylim(low - room, top + room)
