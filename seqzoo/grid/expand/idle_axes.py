"""Axes that lead into a part which another factor chooses: left out where the part has no such
option.

An axis `model.mixer.depth` beside an axis `model.mixer: [prism, attention]` changes nothing in
attention, so attention is done once. The same holds where nothing reads what the axis sets, such as
`model.mixer` beside a pattern of layers that name their own. An axis that no cell reads is a
mistake and stays one, and so is a variant or a pairing that sets what nothing reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from seqzoo.errors import Problem
from seqzoo.grid.expand.changes import Change
from seqzoo.grid.expand.checking import Checked
from seqzoo.grid.expand.unread import unread_in
from seqzoo.spec.document import Document
from seqzoo.spec.marks import Location

__all__ = ["idle_axes", "idle_in", "with_unread"]


def idle_axes(grid: Document, checked: Sequence[Checked]) -> list[tuple[str, ...]]:
    """For each cell, the axes that have no effect in it but do in another cell."""
    idle = [idle_in(grid, each) for each in checked]
    known = {
        change.axis
        for each, axes in zip(checked, idle, strict=True)
        for change in each.cell.changes
        if change.axis is not None and change.axis not in axes and _is_looked_at(change, each)
    }
    return [tuple(axis for axis in axes if axis in known) for axes in idle]


def idle_in(grid: Document, checked: Checked) -> tuple[str, ...]:
    """Axes none of whose changes has an effect in this cell, whatever other cells do."""
    return tuple(_idle(grid, checked))


def _idle(grid: Document, checked: Checked) -> Iterator[str]:
    cell = checked.cell
    unread = [] if checked.spec is None else [each.path for each in unread_in(checked.spec)]
    unknown = [location for location, problem in checked.problems if _is_unknown(problem)]
    if not (unknown or unread) and not any(
        grid.value(change.written) is None for change in cell.changes
    ):
        return
    nothings = [change.path for change in cell.changes if grid.value(change.written) is None]
    for axis in cell.point:
        changes = [change for change in cell.changes if change.axis == axis]
        if changes and all(
            _is_within(change.path, [*unknown, *unread]) or _is_within(change.path[:-1], nothings)
            for change in changes
        ):
            yield axis


def _is_within(path: Location, locations: Iterable[Location]) -> bool:
    return any(path[: len(location)] == location for location in locations)


def _is_unknown(problem: Problem) -> bool:
    return "unknown key" in problem.what


def _is_looked_at(change: Change, checked: Checked) -> bool:
    """Whether validation reached the value: nothing around it is wrong."""
    return not any(
        len(location) < len(change.path) and change.path[: len(location)] == location
        for location, _ in checked.problems
    )


def with_unread(grid: Document, checked: Checked) -> Checked:
    """The cell with a problem for each of its changes that nothing reads."""
    if checked.spec is None:
        return checked
    problems = [
        (change.path, _unread_problem(grid, change, unread.why))
        for unread in unread_in(checked.spec)
        for change in checked.cell.changes
        if unread.covers(change.path)
    ]
    if not problems:
        return checked
    return replace(checked, spec=None, problems=[*checked.problems, *problems])


def _unread_problem(grid: Document, change: Change, why: str) -> Problem:
    marks = grid.marks
    return Problem(
        str(marks.key(change.written) if change.axis is None else marks.path_key(change.written)),
        ".".join(map(str, change.path)),
        f"changes nothing, as {why}",
        "set it inside the pattern, such as model.layers.0.mixer, or leave it out",
    )
