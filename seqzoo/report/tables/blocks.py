"""Columns of a table that belong together: what the row is, one metric at one point, the costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqzoo.grid.labels import axis_labels, value_label
from seqzoo.report.statistics.over_seeds import Cell
from seqzoo.report.tables.wording import (
    Wording,
    difference_text,
    metric_text,
    number,
    span,
    steps_text,
)

__all__ = ["Block", "Column", "Entry"]


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
class Block:
    """Columns, and their entries row by row."""

    columns: list[Column]
    rows: list[list[Entry]]

    @classmethod
    def of_columns(cls, columns: Mapping[Column, list[Entry]]) -> Block:
        """A block of whole columns."""
        return cls(list(columns), [list(row) for row in zip(*columns.values(), strict=True)])

    @classmethod
    def of_rows(
        cls, places: Sequence[Mapping[str, Any]], factors: Sequence[str], name: str
    ) -> Block:
        """What each row is; `name` where no factor tells rows apart."""
        columns = {
            Column(name, is_number=False): [
                Entry(value_label(place.get(factor, ""))) for place in places
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
        """The metric of one point, with the steps to its target and the difference to the base.

        The best is marked if `mark`: where rows are there to be compared.
        """
        present = [cell for cell in cells if cell is not None]
        columns: dict[Column, list[Entry]] = {}
        solved = [
            cell.reached_at if cell is not None and 0 < cell.n == len(cell.reached) else None
            for cell in cells
        ]
        targets = {cell.target for cell in present} - {None}
        if targets:
            name = f"steps to {targets.pop():g}" if len(targets) == 1 else "steps to target"
            texts = ["" if cell is None else steps_text(cell, wording.brief) for cell in cells]
            columns[Column(name, point)] = _marked(
                texts, solved, higher_is_better=False if mark else None
            )
        means = [None if cell is None or not cell.summary else cell.summary.mean for cell in cells]
        ways = {cell.higher_is_better for cell in present} - {None}
        is_early = any(step is not None for step in solved)
        texts = ["" if cell is None else metric_text(cell) for cell in cells]
        measured = sum(mean is not None for mean in means)
        way = ways.pop() if mark and len(ways) == 1 and not is_early and measured > 1 else None
        metric = present[0].metric or "metric"
        columns[Column(metric, point)] = _marked(texts, means, higher_is_better=way)
        with_base = any(cell.is_base for cell in present) and len(present) > 1
        if with_base or any(cell.difference for cell in present):
            columns[Column("vs base", point)] = [
                Entry("" if cell is None else difference_text(cell, wording.intervals))
                for cell in cells
            ]
        return cls.of_columns(columns)

    @classmethod
    def of_costs(cls, rows: Sequence[Sequence[Cell]]) -> Block:
        """What each row's model and training cost."""
        return cls.of_columns(
            {
                Column("params"): [Entry(span(c.parameters for c in row)) for row in rows],
                Column("tok/s"): [Entry(span(c.tokens_per_s for c in row)) for row in rows],
            }
        )


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
