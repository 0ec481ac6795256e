"""Quality against cost: parameters, state size and throughput, with the Pareto front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes

from seqzoo.escape import figure_label
from seqzoo.report.collect.place import is_task
from seqzoo.report.figures.along import spread_out
from seqzoo.report.figures.panels import (
    MOST_PANELS,
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
from seqzoo.report.figures.style import INK, figure_style
from seqzoo.report.report import Report
from seqzoo.report.statistics.over_seeds import Cell

__all__ = ["draw_costs", "front"]

COSTS = (  # the cell's fact, its name, whether more of it is better
    ("parameters", "parameters", False),
    ("state_size", "state (elements a sequence)", False),
    ("speed", "training tokens/s", True),
)


MOST_LARGE = 60  # marks in a panel


def draw_costs(report: Report) -> Iterator[Drawing]:
    """Draw three panels per task; nothing for tasks with a single cell."""
    tasks = [axis for axis in report.collection.axes if is_task(axis)]
    panels, series = panels_of(report, tasks)
    panels, which = in_one_measure([_once(panel) for panel in panels])
    shown = [panel for panel in panels if sum(len(panel.of(one)) for one in series) > 1]
    shown, left_out = some_of(shown, MOST_PANELS // len(COSTS))
    if not shown:
        return
    dotted = False
    with figure_style():
        figure, grid = make_axes(len(shown) * len(COSTS), 3.3, 2.5, columns=len(COSTS))
        for row, panel in enumerate(shown):
            for place, (fact, name, more_is_better) in enumerate(COSTS):
                ax = grid[row * len(COSTS) + place]
                dotted |= _draw(ax, panel, series, fact, more_is_better)
                ax.set_xlabel(f"{name} ({'more' if more_is_better else 'fewer'} is better)")
                ax.set_title(figure_label(panel.title) if place == 0 else "")
                ax.set_ylabel(measure_label(panel) if place == 0 else "")
        share_scale([panel.measure for panel in shown for _ in COSTS], grid, "y")
        add_legend(figure, grid)
    yield Drawing(
        name="pareto",
        title="Quality against cost",
        caption="Mean over seeds; "
        + ("dotted, each variant's best at each cost; " if dotted else "")
        + "the broad line is the Pareto front: nothing drawn is better in both."
        + which
        + left_out,
        figure=figure,
    )


def _once(panel: Panel) -> Panel:
    """The panel with each reference once."""
    own = {cell.key: (one, cell) for one, cell in panel.cells}
    return Panel(panel.title, tuple(own.values()))


def _draw(
    ax: Axes, panel: Panel, series: Sequence[Series], fact: str, more_is_better: bool
) -> bool:
    """Draw one panel, and say whether it has a dotted line."""
    ways = {cell.measure.higher_is_better for _, cell in panel.cells if cell.n} - {None}
    higher_is_better = ways.pop() if len(ways) == 1 else None
    lines = [(one, sorted(_points(panel.of(one), fact))) for one in series]
    points = [point for _, own in lines for point in own]
    dotted = False
    size = 6 if len(points) <= MOST_LARGE else 4
    for place, (one, own) in enumerate(lines):
        if own:
            _draw_series(ax, one, own, size if place else size + 2)
            if higher_is_better is not None and len(best := _best(own, higher_is_better)) > 1:
                dotted = True
                ax.plot(
                    *zip(*best, strict=True),
                    color=one.look.color,
                    linestyle=(0, (1, 2)),
                    linewidth=0.7,
                )
    if higher_is_better is not None and points:
        xs, ys = zip(*front(points, more_is_better, higher_is_better), strict=True)
        where = "pre" if more_is_better else "post"
        ax.step(xs, ys, where=where, color=INK, linewidth=3.0, alpha=0.3, zorder=1)
    if points:
        spread_out(ax, [cost for cost, _ in points])
    finish_metric_axis(ax, panel, panel.measure)
    ax.grid()
    return dotted


def _draw_series(
    ax: Axes, series: Series, points: Sequence[tuple[float, float]], size: float
) -> None:
    """Draw markers only; the base's are larger, so that it stays visible below others."""
    ax.plot(
        *zip(*points, strict=True),
        color=series.look.color,
        linestyle="none",
        marker=series.look.marker,
        markersize=size,
        markeredgecolor=INK,
        markeredgewidth=0.5,
        label=figure_label(series.name),
    )


def _best(
    points: Sequence[tuple[float, float]], higher_is_better: bool
) -> list[tuple[float, float]]:
    """The best value at each cost: a line through all values would zigzag at equal costs."""
    choose = max if higher_is_better else min
    best: dict[float, float] = {}
    for cost, value in points:
        best[cost] = choose(value, best.get(cost, value))
    return list(best.items())


def _points(cells: Sequence[Cell], fact: str) -> Iterator[tuple[float, float]]:
    for cell in cells:
        cost = cell.speed.mean if fact == "speed" and cell.speed else None
        if fact != "speed":
            largest = cell.parameters if fact == "parameters" else cell.state_size
            cost = None if largest is None else largest[1]
        if cost is not None and cell.measure.summary is not None:
            yield float(cost), cell.measure.summary.mean


def front(
    points: Sequence[tuple[float, float]], more_is_better: bool, higher_is_better: bool
) -> list[tuple[float, float]]:
    """The Pareto front of points (cost, value), in increasing order of cost."""
    sign = 1 if higher_is_better else -1
    best: list[tuple[float, float]] = []
    for cost, value in sorted(
        points, key=lambda point: (-point[0] if more_is_better else point[0], -sign * point[1])
    ):
        if not best or sign * value > sign * best[-1][1]:
            best.append((cost, value))
    return sorted(best)
