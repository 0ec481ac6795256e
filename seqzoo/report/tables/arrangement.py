"""Which factors make the rows of a table and which its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqzoo.errors import SpecError, did_you_mean
from seqzoo.grid.labels import axis_label, axis_labels
from seqzoo.report.collect.place import VARIANT

__all__ = ["Layout", "make_layout"]


@dataclass(frozen=True)
class Layout:
    """The factors of rows and columns, `variant` or axis paths; the others split tables."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]


def make_layout(
    axes: Sequence[str], rows: Sequence[str] = (), columns: Sequence[str] = ()
) -> Layout | None:
    """The layout that the user asked for, None if they did not.

    If only rows are given, everything else makes columns, and vice versa.

    Args:
        axes: paths of the grid's axes.
        rows: names of factors: `variant`, an axis' path, or the last word of it.
        columns: the same.

    Raises:
        SpecError: a factor does not exist or is named twice.
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
