"""The cells of a grid: which deltas meet, in which order, and which are left out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seqzoo.errors import Problem, did_you_mean
from seqzoo.grid.labels import value_label
from seqzoo.spec.delta import split_path
from seqzoo.spec.document import Document
from seqzoo.spec.grid import GridSpec
from seqzoo.spec.marks import Location

__all__ = ["Cell", "Change", "cells_of"]


@dataclass(frozen=True)
class Change:
    """One value set in the run.

    Attributes:
        path: where in the run.
        written: where in the grid's document the value is written.
        owner: what sets it, for messages: "variant 'linear'", "the axis task.type".
    """

    path: Location
    written: Location
    owner: str


@dataclass(frozen=True)
class Cell:
    """One combination: a variant and a value of every axis.

    Attributes:
        variant: "" if the grid has none.
        point: path of an axis -> value as written.
        changes: parents before what is inside them, whatever order they are written in.
    """

    variant: str
    point: Mapping[str, Any]
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class _Choice:
    """One of the alternatives of an axis: what it adds to the point, and what it changes."""

    point: Mapping[str, Any]
    changes: tuple[Change, ...]


def cells_of(grid: GridSpec) -> tuple[list[Cell], list[Problem]]:
    """Every cell that is not excluded, variants outermost; and what is wrong with the deltas."""
    document = grid.document
    data = document.data
    problems: list[Problem] = []
    variants: dict[str, tuple[Change, ...]] = {"": ()}
    if data.get("variants"):
        variants = {
            name: tuple(_changes(document, ("variants", name), f"variant '{name}'", problems))
            for name in data["variants"]
        }
    axes = [
        [
            _Choice({path: value}, tuple(_change(document, at, path, f"the axis {path}", problems)))
            for index, value in enumerate(values)
            for at in [("axes", path, index)]
        ]
        for path, values in data.get("axes", {}).items()
    ]
    axes = [*_paired(document, problems), *axes]
    _refuse_two_owners(document, variants, axes, problems)
    cells = []
    for name, changes in variants.items():
        for choices in itertools.product(*axes):
            every = itertools.chain(changes, *(choice.changes for choice in choices))
            point = {path: value for choice in choices for path, value in choice.point.items()}
            cells.append(Cell(name, point, tuple(sorted(every, key=lambda each: len(each.path)))))
    return _without_excluded(document, cells, problems), list(dict.fromkeys(problems))


def _paired(document: Document, problems: list[Problem]) -> Iterator[list[_Choice]]:
    written = document.data.get("paired") or []
    groups = (
        [(("paired",), written)]
        if isinstance(written, dict)
        else [(("paired", index), group) for index, group in enumerate(written)]
    )
    for at, group in groups:
        lengths = {path: len(values) for path, values in group.items()}
        if not lengths:
            continue
        first, length = next(iter(lengths.items()))
        for path, other in lengths.items():
            if other != length:
                problems.append(
                    Problem(
                        str(document.marks.key((*at, path))),
                        ".".join(map(str, (*at, path))),
                        f"{other} values, and {length} of {first} to go with",
                        "paired lists are equally long; for all combinations write 'axes'",
                    )
                )
        choices = []
        for index in range(min(lengths.values())):
            changes = [
                change
                for path in group
                for change in _change(
                    document, (*at, path, index), path, f"the paired {path}", problems
                )
            ]
            point = {path: values[index] for path, values in group.items()}
            choices.append(_Choice(point, tuple(changes)))
        yield choices


def _changes(
    document: Document, at: Location, owner: str, problems: list[Problem]
) -> Iterator[Change]:
    delta = _value(document, at)
    for path in delta:
        yield from _change(document, (*at, path), path, owner, problems)


def _change(
    document: Document, at: Location, path: str, owner: str, problems: list[Problem]
) -> Iterator[Change]:
    """The changes of one path; a mapping without `type` changes only what it names."""
    key = at if at[-1] == path else at[:-1]
    try:
        location = split_path(path)
    except ValueError as failure:
        problems.append(
            Problem(str(document.marks.key(key)), ".".join(map(str, key)), str(failure))
        )
        return
    if location == ("seed",):
        what = "a run's seed is not set by a delta"
        hint = "list the seeds under 'seeds'"
        problems.append(Problem(str(document.marks.key(key)), ".".join(map(str, key)), what, hint))
        return
    yield from _leaves(location, at, _value(document, at), owner)


def _leaves(path: Location, written: Location, value: Any, owner: str) -> Iterator[Change]:
    if isinstance(value, dict) and value and "type" not in value:
        for key, inner in value.items():
            yield from _leaves((*path, key), (*written, key), inner, owner)
    else:
        yield Change(path, written, owner)


def _refuse_two_owners(
    document: Document,
    variants: Mapping[str, tuple[Change, ...]],
    axes: list[list[_Choice]],
    problems: list[Problem],
) -> None:
    groups = [[*changes] for changes in variants.values()]
    shared: dict[Location, Change] = {}
    for axis in axes:
        for change in dict.fromkeys(change for choice in axis for change in choice.changes):
            other = shared.setdefault(change.path, change)
            if other.owner != change.owner:
                problems.append(_two_owners(document, change, other))
    for group in groups:
        own: dict[Location, Change] = {}
        for change in group:
            other = shared.get(change.path) or own.setdefault(change.path, change)
            if other is not change:
                problems.append(_two_owners(document, change, other))


def _two_owners(document: Document, change: Change, other: Change) -> Problem:
    marks = document.marks
    place = marks.key(other.written)
    return Problem(
        str(marks.key(change.written)),
        ".".join(map(str, change.path)),
        f"set by {change.owner}, and by {other.owner} at {place}",
        "set it in one of the two",
    )


def _without_excluded(document: Document, cells: list[Cell], problems: list[Problem]) -> list[Cell]:
    excluded: set[int] = set()
    known = list(dict.fromkeys(path for cell in cells for path in cell.point))
    if cells and cells[0].variant:
        known = ["variant", *known]
    for index, pattern in enumerate(document.data.get("exclude", [])):
        at: Location = ("exclude", index)
        unknown = [key for key in pattern if key not in known]
        for key in unknown:
            problems.append(
                Problem(
                    str(document.marks.key((*at, key))),
                    f"exclude.{index}.{key}",
                    f"'{key}' is no axis of this grid",
                    did_you_mean(key, known),
                )
            )
        if unknown:
            continue
        matching = {
            number
            for number, cell in enumerate(cells)
            if all(_same(_coordinate(cell, key), value) for key, value in pattern.items())
        }
        if not matching:
            what = "excludes nothing: no cell has these values"
            hint = "; ".join(_values_of(cells, key) for key in pattern)
            where = str(document.marks.value(at))
            problems.append(Problem(where, f"exclude.{index}", what, hint))
        excluded |= matching
    if cells and len(excluded) == len(cells):
        where = str(document.marks.key(("exclude",)))
        problems.append(Problem(where, "exclude", "every cell is excluded", "leave some"))
    return [cell for number, cell in enumerate(cells) if number not in excluded]


def _coordinate(cell: Cell, key: str) -> Any:
    return cell.variant if key == "variant" else cell.point[key]


def _values_of(cells: list[Cell], key: str) -> str:
    values = dict.fromkeys(value_label(_coordinate(cell, key)) for cell in cells)
    return f"{key}: {', '.join(values)}"


def _same(one: Any, other: Any) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _value(document: Document, at: Location) -> Any:
    value = document.data
    for step in at:
        value = value[step]
    return value
