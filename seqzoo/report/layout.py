"""What makes the rows of a table and what its columns: variants, and the axes of the grid."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqzoo.errors import SpecError, did_you_mean
from seqzoo.grid.labels import axis_label, axis_labels, point_label

if TYPE_CHECKING:
    from seqzoo.report.cells import Cell

__all__ = ["VARIANT", "Layout", "is_task", "key_of", "label_of", "make_layout", "part_of"]

VARIANT = "variant"


@dataclass(frozen=True)
class Layout:
    """Factors of a table, each `variant` or an axis' path; what is in neither splits tables."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]


def make_layout(
    axes: Sequence[str], rows: Sequence[str] = (), columns: Sequence[str] = ()
) -> Layout | None:
    """The layout a user asked for; None if they asked for nothing.

    With rows alone everything else makes columns, and the other way round.

    Args:
        axes: paths of the grid's axes.
        rows: names of factors: `variant`, an axis' path, or the last word of it.
        columns: the same.

    Raises:
        SpecError: there is no such factor, or one is named twice.
    """
    if not rows and not columns:
        return None
    factors = [VARIANT, *axes]
    named = {name: [_factor(name, axes) for name in names] for name, names in _sides(rows, columns)}
    chosen = [factor for side in named.values() for factor in side]
    for factor in chosen:
        if chosen.count(factor) > 1:
            raise SpecError(f"'{factor}' is named twice in --rows and --columns; name it once")
    rest = [factor for factor in factors if factor not in chosen]
    return Layout(
        rows=tuple(named["rows"] if rows else rest),
        columns=tuple(named["columns"] if columns else rest),
    )


def _sides(rows: Sequence[str], columns: Sequence[str]) -> list[tuple[str, Sequence[str]]]:
    return [("rows", rows), ("columns", columns)]


def _factor(name: str, axes: Sequence[str]) -> str:
    if name == VARIANT or name in axes:
        return name
    labels = axis_labels(axes)
    meant = [axis for axis in axes if name in (labels[axis], axis_label(axis))]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise SpecError(f"'{name}' may mean {' or '.join(meant)}; write the whole path")
    raise SpecError(f"no axis here is called '{name}'; {did_you_mean(name, [VARIANT, *axes])}")


def is_task(axis: str) -> bool:
    """Whether an axis changes the task."""
    return axis.split(".")[0] == "task"


def part_of(cell: Cell, factors: Sequence[str]) -> dict[str, Any]:
    """Where a cell stands on some factors."""
    own = {VARIANT: cell.variant} if cell.variant else {}
    place = {**own, **cell.point}
    return {factor: place[factor] for factor in factors if factor in place}


def key_of(place: Mapping[str, Any]) -> str:
    """What equal places have in common, hashable."""
    return json.dumps(place, sort_keys=True)


def label_of(place: Mapping[str, Any]) -> str:
    """A place in words; a variant is called by its name alone."""
    rest = {path: value for path, value in place.items() if path != VARIANT}
    return " ".join(word for word in (place.get(VARIANT, ""), point_label(rest)) if word)
