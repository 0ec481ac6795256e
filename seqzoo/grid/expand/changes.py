"""The factors of a grid: its variants and axes, as changes of a run at places in the document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqzoo.errors import Problem, counted
from seqzoo.spec.delta import split_path
from seqzoo.spec.document import Document
from seqzoo.spec.marks import Location

__all__ = ["Change", "Choice", "choices_at", "factors_of", "leaves"]


@dataclass(frozen=True)
class Change:
    """One value set in the run.

    Attributes:
        path: where in the run.
        written: where in the grid's document the value is written.
        owner: what sets it, for messages: "variant 'linear'", "the axis task.type".
        axis: the axis it belongs to, None if it belongs to a variant or a pairing.
    """

    path: Location
    written: Location
    owner: str
    axis: str | None = None

    @property
    def factor(self) -> str | int:
        """The key of the grid it is written under: variants, axes or paired."""
        return self.written[len(self.scope)]

    @property
    def scope(self) -> Location:
        """The grid of the union it is written in, () for what is shared by all."""
        return self.written[:2] if self.written[0] == "grids" else ()


@dataclass(frozen=True)
class Choice:
    """One of the alternatives of an axis: what it adds to the point, and what it changes."""

    point: Mapping[str, Any]
    changes: tuple[Change, ...]


Variants = dict[str, tuple[Change, ...]]


def factors_of(
    document: Document, scopes: Sequence[Location], problems: list[Problem]
) -> tuple[Variants, list[list[Choice]]]:
    """The variants, {"": ()} if there are none, and the axes: pairings first, then as written.

    Args:
        document: the grid's.
        scopes: the parts of it that are read together: all of it, or in a union the shared part and
            one of its grids.
        problems: what is wrong with the deltas is added here.
    """
    reader = _Reader(document, problems)
    variants: Variants = {}
    pairings: list[list[Choice]] = []
    axes: list[list[Choice]] = []
    for scope in scopes:
        block = document.value(scope)
        for name in block.get("variants") or {}:
            at = (*scope, "variants", name)
            variants[name] = tuple(reader.delta(at, f"variant '{name}'"))
        pairings.extend(reader.pairings((*scope, "paired"), block.get("paired") or []))
        for path, values in (block.get("axes") or {}).items():
            places = [(*scope, "axes", path, index) for index in range(len(values))]
            axes.append([reader.choice(path, at) for at in places])
    variants = variants or {"": ()}
    _refuse_two_owners(document, variants, [*pairings, *axes], problems)
    return variants, [*pairings, *axes]


def choices_at(
    document: Document, path: str, places: Sequence[Location], owner: str, problems: list[Problem]
) -> list[Choice]:
    """The values of one path that stand at these places, each as a choice."""
    reader = _Reader(document, problems)
    return [
        Choice({path: document.value(at)}, tuple(reader.changes(at, path, owner, axis=path)))
        for at in places
    ]


class _Reader:
    """Reads deltas; what is wrong with them goes to `problems`."""

    def __init__(self, document: Document, problems: list[Problem]) -> None:
        self._document = document
        self._problems = problems

    def delta(self, at: Location, owner: str) -> Iterator[Change]:
        for path in self._document.value(at):
            yield from self.changes((*at, path), path, owner)

    def choice(self, path: str, at: Location) -> Choice:
        """One value of an axis."""
        changes = self.changes(at, path, f"the axis {path}", axis=path)
        return Choice({path: self._document.value(at)}, tuple(changes))

    def pairings(self, at: Location, written: Any) -> Iterator[list[Choice]]:
        groups = (
            [(at, written)]
            if isinstance(written, dict)
            else [((*at, index), group) for index, group in enumerate(written)]
        )
        for place, group in groups:
            if group:
                self._refuse_unequal(place, group)
                yield [
                    self._pair(place, group, index)
                    for index in range(min(len(values) for values in group.values()))
                ]

    def _pair(self, at: Location, group: Mapping[str, Sequence[Any]], index: int) -> Choice:
        changes = [
            change
            for path in group
            for change in self.changes((*at, path, index), path, f"the paired {path}")
        ]
        return Choice({path: values[index] for path, values in group.items()}, tuple(changes))

    def _refuse_unequal(self, at: Location, group: Mapping[str, Sequence[Any]]) -> None:
        lengths = {path: len(values) for path, values in group.items()}
        first, length = next(iter(lengths.items()))
        for path, other in lengths.items():
            if other != length:
                what = f"{counted(other, 'value')}, and {length} of {first} to go with"
                hint = "paired lists are equally long; for all combinations write 'axes'"
                self._tell((*at, path), what, hint)

    def changes(
        self, at: Location, path: str, owner: str, axis: str | None = None
    ) -> Iterator[Change]:
        """The changes of one path; a mapping without `type` changes only what it names."""
        key = at[: at.index(path) + 1]
        try:
            location = split_path(path)
        except ValueError as failure:
            self._tell(key, str(failure))
            return
        if location == ("seed",):
            self._tell(key, "a run's seed is not set by a delta", "list the seeds under 'seeds'")
            return
        for inner, written in leaves(location, at, self._document.value(at)):
            yield Change(inner, written, owner, axis)

    def _tell(self, at: Location, what: str, hint: str = "") -> None:
        where = str(self._document.marks.key(at))
        self._problems.append(Problem(where, ".".join(map(str, at)), what, hint))


def leaves(path: Location, written: Location, value: Any) -> Iterator[tuple[Location, Location]]:
    """Where a value goes and where it is written; inside a mapping without `type`, each entry."""
    if isinstance(value, dict) and value and "type" not in value:
        for key, inner in value.items():
            yield from leaves((*path, key), (*written, key), inner)
    else:
        yield path, written


def _refuse_two_owners(
    document: Document,
    variants: Variants,
    axes: list[list[Choice]],
    problems: list[Problem],
) -> None:
    shared: dict[Location, Change] = {}
    for axis in axes:
        for change in dict.fromkeys(change for choice in axis for change in choice.changes):
            other = shared.setdefault(change.path, change)
            if (other.owner, other.scope) != (change.owner, change.scope):
                problems.append(_two_owners(document, change, other))
    for group in variants.values():
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
