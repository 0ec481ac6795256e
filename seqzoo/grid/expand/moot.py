"""Changes that make no difference: cells whose specs differ but which read the same.

Where all values of an axis give the same run, the axis is left out of that cell. A change of a
variant or pairing that makes no difference in any cell is a mistake, and so is such an axis.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from seqzoo.errors import Problem
from seqzoo.grid.expand.as_built import AsBuilt
from seqzoo.grid.expand.changes import Change
from seqzoo.grid.expand.checking import Checked, Checker
from seqzoo.grid.expand.combinations import Cell
from seqzoo.spec.document import Document
from seqzoo.spec.marks import Location
from seqzoo.spec.run import BESIDE

__all__ = ["moot_axes", "moot_changes", "moot_problem"]

HINT = "set it where something uses it, or leave it out"


def moot_axes(checked: Sequence[Checked], built: AsBuilt) -> list[tuple[str, ...]]:
    """For each cell, the axes whose values all give the same run there, though not in every
    cell."""
    idle: list[list[str]] = [[] for _ in checked]
    alive: set[str] = set()
    for axis in dict.fromkeys(axis for each in checked for axis in each.cell.point):
        for places in _that_differ_in(axis, checked):
            group = [checked[place] for place in places]
            if (
                len(group) < 2
                or not _is_changed_by(axis, group[0].cell)
                or not _is_moot(group, built)
            ):
                alive.add(axis)
            else:
                for place in places:
                    idle[place].append(axis)
    return [tuple(axis for axis in axes if axis in alive) for axes in idle]


def moot_changes(
    checked: Sequence[Checked], checker: Checker, built: AsBuilt, beside: str = ""
) -> Iterator[Problem]:
    """A problem for each path of a variant, pairing or axis that makes no difference anywhere.

    Args:
        checked: all cells; of a grid with a sampler, at the ends of its ranges.
        checker: of the grid.
        built: what is read of runs.
        beside: an owner of changes that are checked elsewhere.
    """
    cells: dict[tuple[str, Location, str | None], list[Checked]] = defaultdict(list)
    for each in checked:
        if each.spec is not None and not each.problems:
            for change in each.cell.changes:
                is_judged = change.axis is not None or not _is_beside(change.path)
                if is_judged and change.owner != beside:
                    cells[change.owner, change.path, change.axis].append(each)
    document = checker.grid
    for (owner, path, axis), having in cells.items():
        changes = [
            change
            for each in having
            for change in each.cell.changes
            if (change.owner, change.path) == (owner, path)
        ]
        without = _without_axis(axis) if axis is not None else _without_path(owner, path)
        if _makes_no_difference(having, without, checker, built):
            yield moot_problem(document, changes[0])


def _makes_no_difference(
    having: Sequence[Checked], without: Callable[[Cell], Cell], checker: Checker, built: AsBuilt
) -> bool:
    """Whether some cell's spec differs without it, and every such cell reads the same."""
    said = False
    for each in having:
        assert each.spec is not None
        other = checker.check(without(each.cell)).spec
        if other is None:
            return False
        if other == each.spec:
            continue  # it is the base's own value
        if built.effective_id(other) != built.effective_id(each.spec):
            return False
        said = True
    return said


def _is_beside(path: Location) -> bool:
    """Whether it is a setting that affects no result, such as a logger, and is set on purpose."""
    return ".".join(map(str, path[:1])) in BESIDE or ".".join(map(str, path[:2])) in BESIDE


def _without_axis(axis: str) -> Callable[[Cell], Cell]:
    return lambda cell: cell.without([axis])


def _without_path(owner: str, path: Location) -> Callable[[Cell], Cell]:
    def without(cell: Cell) -> Cell:
        kept = (each for each in cell.changes if (each.owner, each.path) != (owner, path))
        return replace(cell, changes=tuple(kept))

    return without


def _that_differ_in(axis: str, checked: Sequence[Checked]) -> list[list[int]]:
    """Groups of cells that differ only on this axis."""
    groups: dict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(checked):
        if axis in each.cell.point:
            rest = sorted((k, repr(v)) for k, v in each.cell.point.items() if k != axis)
            groups[repr((each.cell.variant, id(each.cell.block), rest))].append(place)
    return list(groups.values())


def _is_changed_by(axis: str, cell: Cell) -> bool:
    return any(change.axis == axis for change in cell.changes)


def _is_moot(group: Sequence[Checked], built: AsBuilt) -> bool:
    """Whether the cells' specs differ but they read the same."""
    specs = [each.spec for each in group if each.spec is not None and not each.problems]
    if len(group) < 2 or len(specs) < len(group) or any(spec == specs[0] for spec in specs[1:]):
        return False
    first = built.effective_id(specs[0])
    return all(built.effective_id(spec) == first for spec in specs[1:])


def moot_problem(grid: Document, change: Change) -> Problem:
    """The problem of a path that changes nothing, at its line."""
    marks = grid.marks
    place = marks.key(change.written) if change.axis is None else marks.path_key(change.written)
    return Problem(
        str(place),
        ".".join(map(str, change.path)),
        "changes nothing: the run is the same with and without it",
        HINT,
    )
