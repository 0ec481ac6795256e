"""What the grid set for the sake of a fair comparison: matched sizes, and tuned values."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from seqzoo.grid.labels import axis_labels, shortened, tuned_label, value_label
from seqzoo.grid.matched import WORDS
from seqzoo.report.collect.place import VARIANT
from seqzoo.report.collect.results import Collection
from seqzoo.report.statistics.over_seeds import Cell
from seqzoo.report.tables.blocks import Block, Column, Entry
from seqzoo.report.tables.table import Table
from seqzoo.report.tables.wording import metrics_name, number, thousands

__all__ = ["adjusted_tables"]

Row = tuple[Cell, Mapping[str, Any]]  # a cell, and its point as labels shorten it


def adjusted_tables(collection: Collection, cells: Sequence[Cell]) -> Iterator[Table]:
    """A table of the sizes that were matched, and one of the values that were tuned."""
    points = shortened([cell.point for cell in cells])
    rows: list[Row] = list(zip(cells, points, strict=True))
    matched = [row for row in rows if row[0].matched is not None]
    if matched:
        yield _matched(collection, matched)
    tuned = [row for row in rows if row[0].chosen is not None]
    if tuned:
        yield _tuned(collection, tuned)


def _matched(collection: Collection, rows: list[Row]) -> Table:
    """One row for each different outcome; the base's own is the budget that others meet."""
    outcomes = [(cell.matched, cell.parameters, cell.state_size) for cell, _ in rows]
    kept, factors = _distinct(collection, rows, outcomes)
    facts = [cell.matched for cell, _ in kept if cell.matched is not None]
    by = facts[0].by
    columns = {
        Column("set", is_number=False): [fact.path or "as written" for fact in facts],
        Column("from"): ["" if fact.before is None else _said(fact.before) for fact in facts],
        Column("to"): ["" if fact.value is None else _said(fact.value) for fact in facts],
        Column(WORDS[by]): [f"{fact.reached:,.0f}" for fact in facts],
        Column("base"): [f"{fact.target:,.0f}" for fact in facts],
        Column("off"): [f"{fact.excess:+.1%}" for fact in facts],
        Column("params"): [_count(cell.parameters) for cell, _ in kept],
        Column("state"): [_count(cell.state_size) for cell, _ in kept],
    }
    return _table(f"Matched by {WORDS[by]}", collection, kept, factors, columns)


def _tuned(collection: Collection, rows: list[Row]) -> Table:
    chosen = [cell.chosen for cell, _ in rows if cell.chosen is not None]
    paths = (path for each in chosen for path in each.values)
    columns = {
        **{
            Column(name): [
                tuned_label(each.values[path]) if path in each.values else "" for each in chosen
            ]
            for path, name in axis_labels(paths).items()
        },
        Column("trials"): [str(each.trials) for each in chosen],
        Column("failed"): [str(each.failed) for each in chosen],
        Column(f"best {metrics_name(each.metric for each in chosen)}"): [
            number(each.value) for each in chosen
        ],
        Column("seed"): [str(each.seed) for each in chosen],
    }
    if not any(each.failed for each in chosen):
        del columns[Column("failed")]
    factors = [VARIANT, *(axis for axis in collection.axes if any(axis in p for _, p in rows))]
    return _table("Tuned", collection, rows, factors, columns)


def _table(
    title: str,
    collection: Collection,
    rows: Sequence[Row],
    factors: Sequence[str],
    columns: Mapping[Column, list[str]],
) -> Table:
    places = [{VARIANT: cell.variant, **point} for cell, point in rows]
    named = [name for name in factors if any(place.get(name, "") != "" for place in places)]
    head = Block.of_rows(places, named, collection.name)
    body = Block.of_columns(
        {column: [Entry(text) for text in texts] for column, texts in columns.items()}
    )
    return Table(
        title=title,
        columns=(*head.columns, *body.columns),
        rows=tuple((*one, *other) for one, other in zip(head.rows, body.rows, strict=True)),
    )


def _distinct(
    collection: Collection, rows: list[Row], outcomes: Sequence[Hashable]
) -> tuple[list[Row], list[str]]:
    """The rows without the axes that change nothing of the outcome, each once."""
    factors = [VARIANT, *collection.axes]
    for axis in collection.axes:
        rest = [factor for factor in factors if factor != axis]
        keys = [_key(row, rest) for row in rows]
        if len(set(zip(keys, outcomes, strict=True))) == len(set(keys)):
            factors = rest
    kept: dict[Hashable, Row] = {}
    for row in rows:
        kept.setdefault(_key(row, factors), row)
    return list(kept.values()), factors


def _key(row: Row, factors: Sequence[str]) -> Hashable:
    place = {VARIANT: row[0].variant, **row[1]}
    return repr([place.get(factor) for factor in factors])


def _said(value: float) -> str:
    return value_label(value)


def _count(value: int | None) -> str:
    return "" if value is None else thousands(value)
