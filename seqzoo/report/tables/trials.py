"""The trials of a tuned grid: what each tried, its result, and which was chosen."""

from __future__ import annotations

from collections.abc import Sequence

from seqzoo.grid.labels import axis_labels, tuned_label
from seqzoo.grid.tune.tuned import Tried
from seqzoo.report.collect.place import VARIANT, part_of
from seqzoo.report.collect.results import Collection, Result
from seqzoo.report.tables.blocks import Block, Column, Entry
from seqzoo.report.tables.table import Table
from seqzoo.report.tables.wording import metrics_name, number

__all__ = ["trials_in_order", "trials_table"]


def trials_in_order(collection: Collection) -> list[Result]:
    """The trials grouped by cell, in the order proposed: the rows of the table."""
    tried = [(each, each.tried) for each in collection.trials if each.tried is not None]
    studies = list(dict.fromkeys(what.study for _, what in tried))
    tried.sort(key=lambda pair: (studies.index(pair[1].study), pair[1].number))
    return [trial for trial, _ in tried]


def trials_table(collection: Collection) -> Table | None:
    """One row per trial, grouped by cell, with the chosen one marked; None if nothing is tuned.

    Trials are numbered from 0, as in messages and in the plan.
    """
    tried = [(each, each.tried) for each in trials_in_order(collection) if each.tried is not None]
    if not tried:
        return None
    trials, whats = zip(*tried, strict=True)
    head = _cells(collection, trials)
    names = axis_labels(path for what in whats for path in what.values)
    body = Block.of_columns(
        {
            Column("trial"): [Entry(str(what.number)) for what in whats],
            **{
                Column(name): [Entry(_value(what, path)) for what in whats]
                for path, name in names.items()
            },
            Column(_metric(trials)): _measured(collection, tried),
            Column("state", is_number=False): [Entry(trial.state) for trial in trials],
            Column("run", is_number=False): [Entry(trial.run_id) for trial in trials],
        }
    )
    return Table(
        title="Trials",
        columns=(*head.columns, *body.columns),
        rows=tuple((*one, *other) for one, other in zip(head.rows, body.rows, strict=True)),
    )


def _cells(collection: Collection, trials: Sequence[Result]) -> Block:
    factors = [VARIANT, *collection.axes]
    places = [part_of(trial.variant, trial.point, factors) for trial in trials]
    named = [name for name in factors if any(name in place for place in places)]
    return Block.of_rows(places, named, collection.name, collection.labels)


def _value(what: Tried, path: str) -> str:
    return tuned_label(what.values[path]) if path in what.values else ""


def _metric(trials: Sequence[Result]) -> str:
    return metrics_name(trial.record.metric.name for trial in trials if trial.record is not None)


def _measured(collection: Collection, tried: Sequence[tuple[Result, Tried]]) -> list[Entry]:
    chosen = {(each.chosen.study, each.chosen.number) for each in collection.results if each.chosen}
    entries = []
    for trial, what in tried:
        record = trial.record if trial.state == "done" else None
        value = record.metrics.get(record.metric.name) if record is not None else None
        text = "" if value is None else number(value)
        entries.append(Entry(text, best=(what.study, what.number) in chosen))
    return entries
