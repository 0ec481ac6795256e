"""Axes that lead into a part which another factor chooses: left out where it has no such option.

An axis `model.mixer.depth` beside an axis `model.mixer: [prism, attention]` changes nothing in
attention, so attention is done once. An axis that no cell knows is a mistake and stays one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from seqzoo.errors import Problem
from seqzoo.grid.expand.changes import Change
from seqzoo.grid.expand.checking import Checked
from seqzoo.spec.document import Document
from seqzoo.spec.marks import Location

__all__ = ["idle_axes", "idle_in"]


def idle_axes(grid: Document, checked: Sequence[Checked]) -> list[tuple[str, ...]]:
    """For each cell, the axes that lead to nothing in it and to something in another cell."""
    idle = [idle_in(grid, each) for each in checked]
    known = {
        change.axis
        for each, axes in zip(checked, idle, strict=True)
        for change in each.cell.changes
        if change.axis is not None and change.axis not in axes and _is_looked_at(change, each)
    }
    return [tuple(axis for axis in axes if axis in known) for axes in idle]


def idle_in(grid: Document, checked: Checked) -> tuple[str, ...]:
    """Axes all of whose changes in this cell lead to nothing, in other cells or not."""
    return tuple(_idle(grid, checked))


def _idle(grid: Document, checked: Checked) -> Iterator[str]:
    cell = checked.cell
    unknown = [location for location, problem in checked.problems if _is_unknown(problem)]
    if not unknown and not any(grid.value(change.written) is None for change in cell.changes):
        return
    nothings = [change.path for change in cell.changes if grid.value(change.written) is None]
    for axis in cell.point:
        changes = [change for change in cell.changes if change.axis == axis]
        if changes and all(
            _is_within(change.path, unknown) or _is_within(change.path[:-1], nothings)
            for change in changes
        ):
            yield axis


def _is_within(path: Location, locations: Iterable[Location]) -> bool:
    return any(path[: len(location)] == location for location in locations)


def _is_unknown(problem: Problem) -> bool:
    return "unknown key" in problem.what


def _is_looked_at(change: Change, checked: Checked) -> bool:
    """Whether validation came as far as the value: nothing around it is wrong."""
    return not any(
        len(location) < len(change.path) and change.path[: len(location)] == location
        for location, _ in checked.problems
    )
