"""Tables of what the grid adjusted for a fair comparison: matched sizes and tuned values."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence

from seqzoo.grid.labels import axis_labels, tuned_label, value_label
from seqzoo.grid.matched import WORDS
from seqzoo.report.collect.place import VARIANT, key_of, part_of
from seqzoo.report.collect.results import Collection
from seqzoo.report.statistics.over_seeds import Cell, own_cells
from seqzoo.report.tables.blocks import Block, Column, Entry
from seqzoo.report.tables.table import Table
from seqzoo.report.tables.wording import metrics_name, number, span

__all__ = ["adjusted_tables"]


def adjusted_tables(collection: Collection, cells: Sequence[Cell]) -> Iterator[Table]:
    """Make a table of matched sizes and one of tuned values, if there are any."""
    cells = own_cells(cells)
    matched = [cell for cell in cells if cell.matched is not None]
    if matched:
        yield _matched(collection, matched)
    tuned = [cell for cell in cells if cell.chosen is not None]
    if tuned:
        yield _tuned(collection, tuned)


def _matched(collection: Collection, rows: list[Cell]) -> Table:
    """One row for each distinct outcome, with the base's budget that it had to meet."""
    outcomes = [(cell.matched, cell.parameters, cell.state_size) for cell in rows]
    kept, factors = _distinct(collection, rows, outcomes)
    facts = [cell.matched for cell in kept if cell.matched is not None]
    by = facts[0].by
    columns = {
        Column("set", is_number=False): [fact.path or "as written" for fact in facts],
        Column("from"): ["" if fact.before is None else _said(fact.before) for fact in facts],
        Column("to"): ["" if fact.value is None else _said(fact.value) for fact in facts],
        Column(WORDS[by]): [f"{fact.reached:,.0f}" for fact in facts],
        Column("base"): [f"{fact.target:,.0f}" for fact in facts],
        Column("off"): [f"{fact.excess:+.1%}" for fact in facts],
        Column("params"): [span(cell.parameters or ()) for cell in kept],
        Column("state"): [span(cell.state_size or ()) for cell in kept],
    }
    return _table(f"Matched by {WORDS[by]}", collection, kept, factors, columns)


def _tuned(collection: Collection, rows: list[Cell]) -> Table:
    chosen = [cell.chosen for cell in rows if cell.chosen is not None]
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
    factors = [
        VARIANT,
        *(axis for axis in collection.axes if any(axis in cell.point for cell in rows)),
    ]
    return _table("Tuned", collection, rows, factors, columns)


def _table(
    title: str,
    collection: Collection,
    rows: Sequence[Cell],
    factors: Sequence[str],
    columns: Mapping[Column, list[str]],
) -> Table:
    places = [part_of(cell.variant, cell.point, factors) for cell in rows]
    named = [name for name in factors if any(name in place for place in places)]
    head = Block.of_rows(places, named, collection.name, collection.labels)
    body = Block.of_columns(
        {column: [Entry(text) for text in texts] for column, texts in columns.items()}
    )
    return Table(
        title=title,
        columns=(*head.columns, *body.columns),
        rows=tuple((*one, *other) for one, other in zip(head.rows, body.rows, strict=True)),
    )


def _distinct(
    collection: Collection, rows: list[Cell], outcomes: Sequence[Hashable]
) -> tuple[list[Cell], list[str]]:
    """The distinct rows, and the factors without the axes that do not affect the outcome."""
    factors = [VARIANT, *collection.axes]
    for axis in collection.axes:
        rest = [factor for factor in factors if factor != axis]
        keys = [_key(row, rest) for row in rows]
        if len(set(zip(keys, outcomes, strict=True))) == len(set(keys)):
            factors = rest
    kept: dict[Hashable, Cell] = {}
    for row in rows:
        kept.setdefault(_key(row, factors), row)
    return list(kept.values()), factors


def _key(cell: Cell, factors: Sequence[str]) -> str:
    return key_of(part_of(cell.variant, cell.point, factors))


def _said(value: float) -> str:
    return value_label(value)
