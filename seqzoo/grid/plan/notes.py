"""Notes on a plan: the axes left out and the sizes adjusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqzoo.errors import counted
from seqzoo.grid.distinct_labels import Labels, value_key
from seqzoo.grid.labels import value_label
from seqzoo.grid.matched import WORDS
from seqzoo.grid.plan.plan import Plan, PlanRow

__all__ = ["plan_notes"]


def plan_notes(plan: Plan) -> list[str]:
    """Sentences on axes that some runs do not have, runs of several cells, and matched budgets."""
    return [*_dropped(plan.runs), *_shared(plan.runs), *dict.fromkeys(_matched(plan))]


def _dropped(rows: Sequence[PlanRow]) -> Iterator[str]:
    labels = Labels([_coordinates(row) for row in rows])
    for axis in dict.fromkeys(axis for row in rows for axis in row.dropped):
        without = [_coordinates(row) for row in rows if axis in row.dropped]
        having = [_coordinates(row) for row in rows if axis in row.point]
        causes = []
        for factor in dict.fromkeys(factor for row in without for factor in row):
            values = _values(without, factor)
            if values and not set(values) & set(_values(having, factor)):
                words = (labels.value(factor, value) for value in values.values())
                causes.append(f"{factor} {' or '.join(words)}")
        where = " and ".join(causes) or "some parts"
        runs = counted(len(without), "run")
        yield f"{axis} makes no difference with {where}: {runs} without it, each done once"


def _shared(rows: Sequence[PlanRow]) -> Iterator[str]:
    """A sentence for cells whose specs differ but which read the same."""
    labels = Labels([row.point for row in rows])
    cells: dict[str, dict[str, None]] = {}
    for row in rows:
        name = ", ".join(part for part in (row.variant, labels.point(row.point)) if part)
        cells.setdefault(row.run_id, {})[name] = None
    for names in dict.fromkeys(tuple(each) for each in cells.values() if len(each) > 1):
        yield f"{' and '.join(names)} are the same run, done once"


def _matched(plan: Plan) -> Iterator[str]:
    labels = Labels([row.point for row in plan.runs])
    for row in plan.runs:
        matched = row.matched
        if matched is None or row.variant == plan.base != "":
            continue
        name = ", ".join(part for part in (row.variant, labels.point(row.point)) if part)
        change = "as written"
        if matched.path is not None:
            before = "" if matched.before is None else f" for {value_label(matched.before)}"
            change = f"{matched.path} {value_label(matched.value)}{before}"
        yield (
            f"{name}: {change} has {matched.reached:,.0f} {WORDS[matched.by]}, the base "
            f"{matched.target:,.0f} ({matched.excess:+.1%})"
        )


def _coordinates(row: PlanRow) -> dict[str, Any]:
    return {**({"variant": row.variant} if row.variant else {}), **row.point}


def _values(rows: Sequence[Mapping[str, Any]], factor: str) -> dict[str, Any]:
    """The distinct values of a factor, by their keys."""
    return {value_key(row[factor]): row[factor] for row in rows if factor in row}
