"""What a plan says about itself, in sentences: what was left out of the product, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqzoo.grid.labels import value_label
from seqzoo.grid.plan import Plan, PlanRow

__all__ = ["plan_notes"]


def plan_notes(plan: Plan) -> list[str]:
    """One sentence for each axis that some runs do not have."""
    return list(_dropped(plan.runs))


def _dropped(rows: Sequence[PlanRow]) -> Iterator[str]:
    for axis in dict.fromkeys(axis for row in rows for axis in row.dropped):
        without = [_coordinates(row) for row in rows if axis in row.dropped]
        having = [_coordinates(row) for row in rows if axis in row.point]
        causes = []
        for factor in dict.fromkeys(factor for row in without for factor in row):
            values = _values(without, factor)
            if values and not set(values) & set(_values(having, factor)):
                causes.append(f"{factor} {' or '.join(values)}")
        where = " and ".join(causes) or "some parts"
        yield f"{axis} is no option with {where}: {_runs(len(without))} without it, each done once"


def _runs(number: int) -> str:
    return f"{number} run{'s' * (number != 1)}"


def _coordinates(row: PlanRow) -> dict[str, Any]:
    return {**({"variant": row.variant} if row.variant else {}), **row.point}


def _values(rows: Sequence[Mapping[str, Any]], factor: str) -> list[str]:
    return list(dict.fromkeys(value_label(row[factor]) for row in rows if factor in row))
