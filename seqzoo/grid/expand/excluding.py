"""Which cells a grid's `exclude` leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from seqzoo.errors import Problem, did_you_mean
from seqzoo.grid.distinct_labels import Labels
from seqzoo.spec.document import Document
from seqzoo.spec.marks import Location

__all__ = ["without_excluded"]


class _Cell(Protocol):
    """The part of a cell that patterns match."""

    @property
    def variant(self) -> str: ...

    @property
    def point(self) -> Mapping[str, Any]: ...


C = TypeVar("C", bound=_Cell)


def without_excluded(
    document: Document,
    cells: Sequence[C],
    scopes: Iterable[tuple[Location, range]],
    problems: list[Problem],
) -> list[C]:
    """The cells that no pattern matches.

    Args:
        document: the grid's.
        cells: all of them.
        scopes: where an `exclude` may stand, and the numbers of the cells it applies to.
        problems: receives patterns that match nothing or name something that is not an axis.
    """
    excluded: set[int] = set()
    for scope, numbers in scopes:
        patterns = document.value(scope).get("exclude") or []
        own = {number: cells[number] for number in numbers}
        matched: set[int] = set()
        for index, pattern in enumerate(patterns):
            matched |= _matching(document, (*scope, "exclude", index), pattern, own, problems)
        if own and len(matched) == len(own):
            at = (*scope, "exclude")
            where = str(document.marks.key(at))
            path = ".".join(map(str, at))
            problems.append(Problem(where, path, "every cell is excluded", "leave some"))
        excluded |= matched
    return [cell for number, cell in enumerate(cells) if number not in excluded]


def _matching(
    document: Document,
    at: Location,
    pattern: Mapping[str, Any],
    cells: Mapping[int, _Cell],
    problems: list[Problem],
) -> set[int]:
    known = list(dict.fromkeys(path for cell in cells.values() for path in cell.point))
    if any(cell.variant for cell in cells.values()):
        known = ["variant", *known]
    path = ".".join(map(str, at))
    unknown = [key for key in pattern if key not in known]
    for key in unknown:
        where = str(document.marks.key((*at, key)))
        what = f"'{key}' is not an axis of this grid"
        problems.append(Problem(where, f"{path}.{key}", what, did_you_mean(key, known)))
    if unknown:
        return set()
    matching = {number for number, cell in cells.items() if _fits(cell, pattern)}
    if not matching:
        what = "excludes nothing: no cell has these values"
        hint = "; ".join(_values_of(cells.values(), key) for key in pattern)
        problems.append(Problem(str(document.marks.value(at)), path, what, hint))
    return matching


def _coordinates(cell: _Cell) -> Mapping[str, Any]:
    return {**({"variant": cell.variant} if cell.variant else {}), **cell.point}


def _fits(cell: _Cell, pattern: Mapping[str, Any]) -> bool:
    coordinates = _coordinates(cell)
    return all(
        key in coordinates and _same(coordinates[key], value) for key, value in pattern.items()
    )


def _values_of(cells: Iterable[_Cell], key: str) -> str:
    found = (_coordinates(cell) for cell in cells)
    values = [{key: each[key]} for each in found if key in each]
    labels = Labels(values)
    return f"{key}: {', '.join(dict.fromkeys(labels.value(key, each[key]) for each in values))}"


def _same(one: Any, other: Any) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)
