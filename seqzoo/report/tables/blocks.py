"""Blocks of columns: the place of a row, one metric at one point, the costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from seqzoo.folding import width_of
from seqzoo.grid.distinct_labels import Labels
from seqzoo.grid.labels import axis_labels
from seqzoo.report.collect.place import VARIANT
from seqzoo.report.statistics.over_seeds import Cell
from seqzoo.report.tables.wording import (
    Wording,
    difference_text,
    metric_text,
    number,
    span,
    speed_text,
    steps_text,
)

__all__ = ["Block", "Column", "Entry"]


@dataclass(frozen=True)
class Column:
    """A column's heading and the point it belongs to ("" for all points)."""

    name: str
    point: str = ""
    is_number: bool = True

    @property
    def width(self) -> int:
        """The characters of the longer of its two lines."""
        return max(width_of(self.name), width_of(self.point))


@dataclass(frozen=True)
class Entry:
    """The text of one table cell; `best` marks the best of its column."""

    text: str
    best: bool = False

    @property
    def width(self) -> int:
        """The characters it takes, with the star of the best."""
        return width_of(self.text) + 2 * self.best


@dataclass(frozen=True)
class Block:
    """Columns with their entries, row by row."""

    columns: list[Column]
    rows: list[list[Entry]]

    @classmethod
    def of_columns(cls, columns: Mapping[Column, list[Entry]]) -> Block:
        """Make a block from whole columns."""
        return cls(list(columns), [list(row) for row in zip(*columns.values(), strict=True)])

    @classmethod
    def of_rows(
        cls,
        places: Sequence[Mapping[str, Any]],
        factors: Sequence[str],
        name: str,
        labels: Labels,
        at: Sequence[Mapping[str, Any]] = (),
    ) -> Block:
        """Make the block that says what each row is, or shows `name` if no factor tells rows apart.

        Args:
            places: the values of each row on the factors.
            factors: the factors, one column each.
            name: the grid's name.
            labels: names of the axes' values.
            at: the values that a reference is compared at on the factors it lacks.
        """
        columns = {
            Column(name, is_number=False): [
                Entry(_place_text(factor, place, extra, labels))
                for place, extra in zip_longest(places, at, fillvalue={})
            ]
            for factor, name in axis_labels(factors).items()
        }
        if not columns:
            columns[Column("run", is_number=False)] = [Entry(name) for _ in places]
        return cls.of_columns(columns)

    @classmethod
    def of_metric(
        cls, cells: Sequence[Cell | None], point: str, wording: Wording, *, mark: bool
    ) -> Block:
        """Make the block of one point: steps to the target, metric, difference to the base.

        If there is a target, steps are compared instead of metrics. `mark` says whether to mark the
        best row.
        """
        present = [cell for cell in cells if cell is not None]
        columns: dict[Column, list[Entry]] = {}
        targets = {cell.target for cell in present} - {None}
        comparable = mark and len({cell.measure.name for cell in present}) == 1
        best = _best(cells) if comparable else None
        if targets:
            name = f"steps to {targets.pop():g}" if len(targets) == 1 else "steps to target"
            columns[Column(name, point)] = [
                Entry(
                    "" if cell is None else steps_text(cell, wording.brief),
                    best=place == best and not metric_is_compared(cell),
                )
                for place, cell in enumerate(cells)
            ]
        metric = Column(present[0].metric or "metric", point)
        columns[metric] = [
            Entry(
                "" if cell is None else metric_text(cell),
                best=place == best and metric_is_compared(cell),
            )
            for place, cell in enumerate(cells)
        ]
        with_base = any(cell.is_base for cell in present) and len(present) > 1
        if with_base or any(cell.difference for cell in present):
            in_steps = [not metric_is_compared(cell) for cell in present]
            mixed = any(in_steps) and not all(in_steps)
            columns[Column("steps vs base" if all(in_steps) else "vs base", point)] = [
                Entry("" if cell is None else _difference(cell, wording, with_unit=mixed))
                for cell in cells
            ]
        return cls.of_columns(columns)

    @classmethod
    def of_costs(cls, rows: Sequence[Sequence[Cell]]) -> Block:
        """Make the block of costs: parameters and training speed."""
        return cls.of_columns(
            {
                Column("params"): [
                    Entry(span(n for c in row for n in c.parameters or ())) for row in rows
                ],
                Column("tok/s"): [Entry(speed_text(row)) for row in rows],
            }
        )


def _difference(cell: Cell, wording: Wording, *, with_unit: bool) -> str:
    """The difference to the base; in a column that has both, steps say that they are steps."""
    text = difference_text(cell, wording.intervals)
    in_steps = with_unit and cell.difference is not None and not metric_is_compared(cell)
    return f"{text} steps" if in_steps else text


def metric_is_compared(cell: Cell | None) -> bool:
    """Whether a cell is compared by its metric rather than by the steps to its target."""
    return cell is not None and cell.measure.name == cell.metric


def _place_text(
    factor: str, place: Mapping[str, Any], at: Mapping[str, Any], labels: Labels
) -> str:
    if factor in place:
        return place[factor] if factor == VARIANT else labels.value(factor, place[factor])
    return f"none (vs {labels.value(factor, at[factor])})" if factor in at else ""


def _best(cells: Sequence[Cell | None]) -> int | None:
    """The index of the best cell, None if it is unknown, incomplete, or tied as printed.

    With failed, missing or censored seeds a cell's true mean is not known.
    """
    means = {
        place: cell.measure.summary.mean
        for place, cell in enumerate(cells)
        if cell is not None and cell.measure.summary is not None
    }
    ways = {cell.measure.higher_is_better for cell in cells if cell is not None and cell.n}
    if len(means) < 2 or len(ways) != 1 or (way := ways.pop()) is None:
        return None
    best = (max if way else min)(means, key=lambda place: means[place])
    cell = cells[best]
    assert cell is not None
    alike = sum(number(mean) == number(means[best]) for mean in means.values())
    return best if alike == 1 and cell.is_complete and not cell.measure.censored else None
