"""The tables of a report as text, for every format to draw.

Rows are variants, with the values of some axes; columns are the points of the other axes, each with
the metric, the difference to the base, and the steps to a target if there is one. What does not fit
in one table is split into one table per task.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from seqzoo.report.collect.place import VARIANT, is_task, key_of, label_of, part_of
from seqzoo.report.collect.results import Collection
from seqzoo.report.statistics.over_seeds import Cell, CellKey
from seqzoo.report.tables.arrangement import Layout
from seqzoo.report.tables.blocks import Block, Column, Entry
from seqzoo.report.tables.wording import Wording

__all__ = ["Table", "make_tables"]

GAP = 2


@dataclass(frozen=True)
class Table:
    """A title, columns, and rows with one entry per column."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, ...], ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """The characters of each column if nothing is folded."""
        return tuple(
            max([column.width, *(row[place].width for row in self.rows)])
            for place, column in enumerate(self.columns)
        )

    @property
    def width(self) -> int:
        """The characters of a line if nothing is folded."""
        return sum(self.widths) + GAP * (len(self.columns) - 1)

    def wrapped(self, width: int) -> list[Table]:
        """Cut the table between points so that each part fits.

        The columns that identify a row are repeated; columns of one point stay together.
        """
        if self.width <= width:
            return [self]
        heads = [place for place, column in enumerate(self.columns) if not column.is_number]
        rest = [place for place in range(len(self.columns)) if place not in heads]
        groups = [
            list(group) for _, group in groupby(rest, key=lambda place: self.columns[place].point)
        ]
        tables: list[Table] = []
        held: list[int] = []
        for group in groups:
            if held and self._part([*heads, *held, *group]).width > width:
                tables.append(self._part([*heads, *held]))
                held = []
            held += group
        return [*tables, self._part([*heads, *held])]

    def _part(self, places: Sequence[int]) -> Table:
        return Table(
            self.title,
            tuple(self.columns[place] for place in places),
            tuple(tuple(row[place] for place in places) for row in self.rows),
        )


def make_tables(
    collection: Collection, cells: Sequence[Cell], width: int, layout: Layout | None = None
) -> list[Table]:
    """Make the tables of a layout, as verbose as `width` allows.

    Without a layout: one table with a column for each point if it fits, otherwise one per task. In
    grids without variants, or if directories are compared, axes other than the task make rows. A
    table that is too wide even in its briefest form is cut between points; a single point that is
    too wide is left to the format to fold.
    """
    tables: list[Table] = []
    for candidate, wording in _candidates(collection, cells, layout):
        tables = list(_tables(collection, cells, candidate, wording))
        if max(table.width for table in tables) <= width:
            break
    return [part for table in tables for part in table.wrapped(width)]


def _candidates(
    collection: Collection, cells: Sequence[Cell], layout: Layout | None
) -> Iterator[tuple[Layout, Wording]]:
    """Layouts and wordings, from the most detailed to the narrowest."""
    if layout is None:
        tasks = tuple(axis for axis in collection.axes if is_task(axis))
        others = tuple(axis for axis in collection.axes if axis not in tasks)
        is_plain = collection.against == VARIANT and len({cell.variant for cell in cells}) > 1
        yield Layout((VARIANT, *(() if is_plain else others)), collection.axes), Wording()
        layout = Layout((VARIANT, *others), ())
    for intervals in (True, False):
        for brief in (False, True):
            yield layout, Wording(intervals=intervals, brief=brief)


def _tables(
    collection: Collection, cells: Sequence[Cell], layout: Layout, wording: Wording
) -> Iterator[Table]:
    """One table for each place on the factors that are neither rows nor columns."""
    rest = [
        factor
        for factor in (VARIANT, *collection.axes)
        if factor not in layout.rows + layout.columns
    ]
    groups: dict[str, list[Cell]] = {}
    titles: dict[str, str] = {}
    for cell in cells:
        place = part_of(cell.variant, cell.standing, rest)
        titles.setdefault(key_of(place), label_of(place, collection.labels))
        groups.setdefault(key_of(place), []).append(cell)
    for key, group in groups.items():
        yield _table(titles[key], collection, group, layout, wording)


def _table(
    title: str, collection: Collection, cells: Sequence[Cell], layout: Layout, wording: Wording
) -> Table:
    labels = collection.labels
    cells = _without_repetition(cells, layout)
    varying = [
        factor
        for factor in layout.rows
        if len({key_of(part_of(c.variant, c.standing, [factor])) for c in cells}) > 1
    ]
    left = [factor for factor in layout.columns if factor not in layout.rows]
    rows: dict[str, dict[tuple[str, str], Cell]] = {}
    points: dict[tuple[str, str], str] = {}
    for cell in cells:
        column = part_of(cell.variant, cell.standing, left)
        place = (key_of(column), cell.metric)
        points.setdefault(place, label_of(column, labels))
        row = part_of(cell.variant, cell.standing, layout.rows)
        rows.setdefault(key_of(row), {})[place] = cell
    lines = list(rows.values())
    one_point = len({key for key, _ in points}) == 1
    with_variants = VARIANT in layout.rows or len({cell.variant for cell in cells}) == 1
    mark = with_variants and not any(is_task(factor) for factor in varying)
    blocks = [
        Block.of_metric(
            [line.get(place) for line in lines], "" if one_point else point, wording, mark=mark
        )
        for place, point in points.items()
    ]
    heads = [next(iter(line.values())) for line in lines]
    with_variant = VARIANT in layout.rows and any(cell.variant for cell in cells)
    head = Block.of_rows(
        [part_of(cell.variant, cell.point, layout.rows) for cell in heads],
        [f for f in layout.rows if f in varying or (f == VARIANT and with_variant)],
        collection.name,
        labels,
        [cell.at for cell in heads],
    )
    tail = Block.of_costs([list(line.values()) for line in lines])
    blocks = [head, *blocks, tail]
    if one_point and not title:
        title = next(iter(points.values()))
    return Table(
        title=title,
        columns=tuple(column for block in blocks for column in block.columns),
        rows=tuple(
            tuple(entry for block in blocks for entry in block.rows[index])
            for index in range(len(lines))
        ),
    )


def _without_repetition(cells: Sequence[Cell], layout: Layout) -> list[Cell]:
    """The cells, with references merged into one row if all their rows would be equal."""
    copies: dict[CellKey, list[Cell]] = {}
    for cell in cells:
        copies.setdefault(cell.key, []).append(cell)
    kept: dict[tuple[CellKey, str], Cell] = {}
    for cell in cells:
        own = copies[cell.key]
        if len(own) > 1 and all(copy.difference == own[0].difference for copy in own):
            columns = {axis: value for axis, value in cell.at.items() if axis not in layout.rows}
            cell = replace(cell, at=columns)
        kept.setdefault((cell.key, key_of(cell.at)), cell)
    return list(kept.values())
