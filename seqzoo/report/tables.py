"""The tables of a report, in words: what each format then draws.

A table's rows are variants, with the points of some axes; its columns are points of other axes,
each with its metric, its difference to the base, and the steps to the target if runs have one.
What does not fit in one table is split into one a task.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqzoo.grid.labels import axis_label, point_label, shortened, value_label
from seqzoo.report.cells import Cell
from seqzoo.report.collect import Collection
from seqzoo.report.wording import metric_text, number, signed, span, steps_text

__all__ = ["Column", "Entry", "Table", "make_tables"]

GAP = 2


@dataclass(frozen=True)
class Column:
    """A column's heading: what it is, and of which point ("" if of all)."""

    name: str
    point: str = ""
    is_number: bool = True


@dataclass(frozen=True)
class Entry:
    """The text at one place; `best` if no other in its column is better."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Table:
    """Columns, and rows of as many entries."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, ...], ...]

    @property
    def width(self) -> int:
        """Characters a line needs when nothing is folded."""
        widths = [max(len(column.name), len(column.point)) for column in self.columns]
        for row in self.rows:
            for place, entry in enumerate(row):
                widths[place] = max(widths[place], len(entry.text) + 2 * entry.best)
        return sum(widths) + GAP * (len(widths) - 1)


def make_tables(collection: Collection, cells: Sequence[Cell], width: int) -> list[Table]:
    """One table with a column for each point if it fits in `width`, else one table a task.

    What does not fit either is said in fewer words; then it is for the format to fold. Where
    there are no variants, the axes that are no task's make the rows.
    """
    points = shortened([cell.point for cell in cells])
    cells = [replace(cell, point=point) for cell, point in zip(cells, points, strict=True)]
    tasks = [axis for axis in collection.axes if axis.split(".")[0] == "task"]
    others = [axis for axis in collection.axes if axis not in tasks]
    by_variant = len({cell.variant for cell in cells}) > 1
    rows = [] if by_variant else others
    joint = _table("", collection, cells, rows, brief=False)
    if joint.width <= width:
        return [joint]
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(point_label(_part(cell.point, tasks)), []).append(cell)
    split = []
    for brief in (False, True):
        split = [_table(title, collection, group, others, brief) for title, group in groups.items()]
        if max(table.width for table in split) <= width:
            break
    return split


def _part(point: Mapping[str, Any], axes: Sequence[str]) -> dict[str, Any]:
    return {axis: point[axis] for axis in axes if axis in point}


def _key(point: Mapping[str, Any]) -> str:
    return json.dumps(point, sort_keys=True)


def _table(
    title: str, collection: Collection, cells: Sequence[Cell], axes: Sequence[str], brief: bool
) -> Table:
    """One table: `axes` beside the variant make the rows, the axes left over the columns."""
    varying = [
        axis for axis in axes if len({_key(_part(cell.point, [axis])) for cell in cells}) > 1
    ]
    left = [axis for axis in collection.axes if axis not in axes]
    rows: dict[tuple[str, str], dict[tuple[str, str], Cell]] = {}
    points: dict[tuple[str, str], str] = {}
    for cell in cells:
        column = _part(cell.point, left)
        place = (_key(column), cell.metric)
        points.setdefault(place, point_label(column))
        row = (cell.variant, _key(_part(cell.point, axes)))
        rows.setdefault(row, {})[place] = cell
    lines = list(rows.values())
    one_point = len(set(points.values())) == 1
    blocks = [
        _Block.of_metric(
            [line.get(place) for line in lines],
            "" if one_point else point,
            collection.base,
            brief,
        )
        for place, point in points.items()
    ]
    head = _Block.of_rows([next(iter(line.values())) for line in lines], varying, collection)
    tail = _Block.of_costs([list(line.values()) for line in lines])
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


@dataclass(frozen=True)
class _Block:
    """Columns that belong together, and their entries, row by row."""

    columns: list[Column]
    rows: list[list[Entry]]

    @classmethod
    def of_columns(cls, columns: Mapping[Column, list[Entry]]) -> _Block:
        return cls(list(columns), [list(row) for row in zip(*columns.values(), strict=True)])

    @classmethod
    def of_rows(cls, cells: list[Cell], axes: list[str], collection: Collection) -> _Block:
        columns: dict[Column, list[Entry]] = {}
        if any(cell.variant for cell in cells):
            columns[Column("variant", is_number=False)] = [Entry(cell.variant) for cell in cells]
        for axis in axes:
            columns[Column(axis_label(axis), is_number=False)] = [
                Entry(value_label(cell.point.get(axis, ""))) for cell in cells
            ]
        if not columns:
            columns[Column("run", is_number=False)] = [Entry(collection.name) for _ in cells]
        return cls.of_columns(columns)

    @classmethod
    def of_metric(cls, cells: list[Cell | None], point: str, base: str, brief: bool) -> _Block:
        """The metric of one point, with the steps to its target and the difference to the base."""
        present = [cell for cell in cells if cell is not None]
        columns: dict[Column, list[Entry]] = {}
        solved = [
            cell.reached_at if cell is not None and 0 < cell.n == len(cell.reached) else None
            for cell in cells
        ]
        targets = {cell.target for cell in present} - {None}
        if targets:
            name = f"steps to {targets.pop():g}" if len(targets) == 1 else "steps to target"
            texts = ["" if cell is None else steps_text(cell, brief) for cell in cells]
            columns[Column(name, point)] = _marked(texts, solved, higher_is_better=False)
        means = [None if cell is None or not cell.summary else cell.summary.mean for cell in cells]
        ways = {cell.higher_is_better for cell in present} - {None}
        is_early = any(step is not None for step in solved)
        texts = ["" if cell is None else metric_text(cell) for cell in cells]
        way = ways.pop() if len(ways) == 1 and not is_early else None
        metric = present[0].metric or "metric"
        columns[Column(metric, point)] = _marked(texts, means, higher_is_better=way)
        variants = {cell.variant for cell in present}
        if base in variants and len(variants) > 1:
            columns[Column("vs base", point)] = [
                Entry("" if cell is None else _difference(cell, base)) for cell in cells
            ]
        return cls.of_columns(columns)

    @classmethod
    def of_costs(cls, rows: list[list[Cell]]) -> _Block:
        return cls.of_columns(
            {
                Column("params"): [Entry(span(c.parameters for c in row)) for row in rows],
                Column("tok/s"): [Entry(span(c.tokens_per_s for c in row)) for row in rows],
            }
        )


def _difference(cell: Cell, base: str) -> str:
    if cell.variant == base:
        return "base"
    return "" if cell.difference is None else signed(cell.difference.mean)


def _marked(
    texts: list[str], values: Sequence[float | None], higher_is_better: bool | None
) -> list[Entry]:
    """Entries with the best marked, and those that print the same; none if it stands alone."""
    known = [value for value in values if value is not None]
    if higher_is_better is None or sum(map(bool, texts)) < 2 or not known:
        return [Entry(text) for text in texts]
    best = max(known) if higher_is_better else min(known)
    return [
        Entry(text, best=value is not None and number(value) == number(best))
        for text, value in zip(texts, values, strict=True)
    ]
