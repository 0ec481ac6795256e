"""The runs on the page: rows of the table, and the data that the script shows for each run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from seqzoo.escape import visible
from seqzoo.grid.distinct_labels import Labels
from seqzoo.grid.labels import axis_labels, tried_label, value_label
from seqzoo.report.collect.evaluations import Curve, read_curves
from seqzoo.report.collect.place import VARIANT
from seqzoo.report.collect.results import Collection, Result
from seqzoo.report.report import Report
from seqzoo.report.runs.changes import changes
from seqzoo.report.statistics.over_seeds import CellKey
from seqzoo.report.tables.backends import backends_of
from seqzoo.report.tables.wording import number
from seqzoo.thousands import thousands

__all__ = ["Choice", "Column", "Row", "choices_of", "columns_of", "data_of", "row_of"]

MOST_POINTS = 200  # of a curve
NO_STATE = "carries none"  # a mixer that does not stream
MOST_CHOICES = 60


@dataclass(frozen=True)
class Column:
    """A column of the table of runs.

    Attributes:
        name: its heading.
        kind: how it sorts.
        fact: its content: `variant`, `seed`, `state`, an axis path, a metric, or a cost.
    """

    name: str
    kind: Literal["text", "number"]
    fact: str


@dataclass(frozen=True)
class Choice:
    """A column with few values, offered as a filter."""

    name: str
    place: int
    values: list[str]


@dataclass(frozen=True)
class Row:
    """A row of the table: each cell is a text and, for a number, its value or ""."""

    id: str
    state: str
    cells: list[tuple[str, float | str | None]]


def columns_of(report: Report) -> list[Column]:
    """The columns: run id, place, metrics, costs."""
    collection = report.collection
    with_variant = any(result.variant for result in collection.results)
    metrics = {
        name: None
        for result in collection.results
        if result.record is not None
        for name in sorted(result.record.metrics, key=result.record.metric.name.__ne__)
    }
    return [
        Column("run", "text", "run"),
        *([Column(VARIANT, "text", VARIANT)] if with_variant else []),
        *(Column(name, "text", axis) for axis, name in axis_labels(collection.axes).items()),
        Column("seed", "text", "seed"),
        Column("state", "text", "state"),
        *(Column(name, "number", f"metric {name}") for name in metrics),
        Column("steps", "number", "steps"),
        Column("params", "number", "parameters"),
        Column("state size", "number", "state_size"),
        Column("tok/s", "number", "tokens_per_s"),
        Column("wall s", "number", "wall_s"),
    ]


def row_of(result: Result, columns: Sequence[Column], names: Labels) -> Row:
    """The row of a run; `names` are those of the axes' values."""
    record = result.record
    texts = {
        VARIANT: result.variant,
        "seed": str(result.seed),
        "state": result.state,
        **{axis: names.value(axis, value) for axis, value in result.point.items()},
    }
    numbers: dict[str, float] = {}
    if record is not None:
        numbers = {
            **{f"metric {name}": value for name, value in record.metrics.items()},
            "steps": record.steps,
            "parameters": record.parameters,
            **({} if record.state_size is None else {"state_size": record.state_size}),
            "tokens_per_s": record.timings.tokens_per_s,
            "wall_s": record.timings.wall_s,
        }
    cells: list[tuple[str, float | str | None]] = []
    for column in columns[1:]:
        if column.kind == "text":
            cells.append((texts.get(column.fact, ""), None))
        elif column.fact in numbers:
            value = numbers[column.fact]
            cells.append((_said(column.fact, value), value))
        elif column.fact == "state_size" and record is not None:
            cells.append((NO_STATE, ""))
        else:
            cells.append(("", ""))
    return Row(result.run_id, result.state, cells)


def _said(fact: str, value: float) -> str:
    match fact:
        case "steps":
            return f"{value:,}"
        case "wall_s":
            return f"{value:,.1f}"
        case "parameters" | "state_size" | "tokens_per_s":
            return thousands(value)
    return number(value)


def choices_of(columns: Sequence[Column], rows: Sequence[Row]) -> list[Choice]:
    """The text columns with more than one value and few enough for a list."""
    choices = []
    for place, column in enumerate(columns[1:]):
        values = list(dict.fromkeys(row.cells[place][0] for row in rows))
        if column.kind == "text" and 1 < len(values) <= MOST_CHOICES:
            choices.append(Choice(column.name, place + 1, values))
    return choices


def data_of(report: Report, trials: Sequence[Result], labels: Sequence[str]) -> dict[str, Any]:
    """The data of each run, then of each trial, with equal sections of specs stored once.

    Args:
        report: the report with the runs.
        trials: its trials, in the order of their table.
        labels: the labels of the runs and trials.
    """
    collection = report.collection
    places = {(*result.cell, result.seed): place for place, result in enumerate(collection.results)}
    bases: dict[CellKey, CellKey] = {}
    for cell in report.cells:
        if cell.base is not None:
            bases.setdefault(cell.key, cell.base)
    sections = _Sections()
    results = [*collection.results, *trials]
    specs = [sections.places_of(result.spec) for result in results]
    runs = []
    for result, spec, label in zip(results, specs, labels, strict=True):
        base = _base_place(collection, result, places, bases)
        runs.append(
            {
                "label": visible(label),
                "spec": spec,
                "base": base,
                "changes": [] if base is None else sections.changes(specs[base], spec),
                "metric": result.record.metric.name if result.record else None,
                "curves": {
                    name: _points(curve)
                    for name, curve in read_curves(result.directory, result.record).items()
                },
                "facts": _facts(result),
                "error": None if result.error is None else visible(result.error),
            }
        )
    return {"sections": sections.contents, "runs": runs}


class _Sections:
    """The distinct sections of specs (model, task, train, ...).

    Attributes:
        contents: the sections, referred to by index.
    """

    def __init__(self) -> None:
        self.contents: list[Any] = []
        self._places: dict[str, int] = {}
        self._changes: dict[tuple[str, int | None, int | None], list[list[str]]] = {}

    def places_of(self, spec: Mapping[str, Any]) -> dict[str, int]:
        """The index of each section of a spec."""
        places = {}
        for name, section in spec.items():
            key = repr(section)
            if key not in self._places:
                self._places[key] = len(self.contents)
                self.contents.append(_shown(section))
            places[name] = self._places[key]
        return places

    def changes(self, first: Mapping[str, int], second: Mapping[str, int]) -> list[list[str]]:
        """Path, before and after of every difference between two specs."""
        found = []
        for name in dict.fromkeys([*first, *second]):
            key = (name, first.get(name), second.get(name))
            if key not in self._changes:
                self._changes[key] = self._section_changes(*key)
            found += self._changes[key]
        return found

    def _section_changes(self, name: str, one: int | None, other: int | None) -> list[list[str]]:
        if one == other:
            return []
        first = {} if one is None else {name: self.contents[one]}
        second = {} if other is None else {name: self.contents[other]}
        return [
            [
                change.path,
                "(none)" if change.kind == "added" else visible(value_label(change.before)),
                "(none)" if change.kind == "removed" else visible(value_label(change.after)),
            ]
            for change in changes(first, second)
        ]


def _base_place(
    collection: Collection,
    result: Result,
    places: Mapping[tuple[str, str, int], int],
    bases: Mapping[CellKey, CellKey],
) -> int | None:
    """The index of the run with its seed in the base cell; without a base, the first run."""
    if not collection.base:
        return 0 if len(collection.results) > 1 else None
    alike = (collection.base, result.cell[1]) if collection.against == VARIANT else result.cell
    return places.get((*bases.get(result.cell, alike), result.seed))  # alike: of a trial alone


def _points(curve: Curve) -> list[list[float]]:
    steps, values = curve.steps, curve.values
    if len(steps) > MOST_POINTS:
        kept = np.linspace(0, len(steps) - 1, MOST_POINTS).round().astype(int)
        steps, values = steps[kept], values[kept]
    return [steps.tolist(), [float(f"{value:.5g}") for value in values.tolist()]]


def _facts(result: Result) -> list[tuple[str, str]]:
    record = result.record
    facts = [("run", result.run_id), ("state", result.state)]
    if result.tried is not None:
        facts.append((f"trial {result.tried.number}", tried_label(result.tried.values)))
    if record is None:
        return facts
    names = sorted(record.metrics, key=record.metric.name.__ne__)  # its own metric first
    facts += [(name, number(record.metrics[name])) for name in names]
    facts.append(("steps", f"{record.steps:,} of {record.max_steps:,}"))
    if record.target is not None:
        met = "not met" if record.reached_at is None else f"met at {record.reached_at:,}"
        facts.append((f"target {record.target:g}", met))
    return [
        *facts,
        ("parameters", f"{record.parameters:,}"),
        ("state size", NO_STATE if record.state_size is None else f"{record.state_size:,}"),
        *((f"auxiliary {name}", number(value)) for name, value in record.auxiliary.items()),
        *(([("computed by", backends_of(result))]) if record.scan else []),
        ("tokens/s", thousands(record.timings.tokens_per_s)),
        ("wall time", f"{record.timings.wall_s:,.1f} s"),
    ]


def _shown(value: Any) -> Any:
    """The value with visible text, and with infinities and NaN as text, which JSON lacks."""
    if isinstance(value, Mapping):
        return {visible(str(key)): _shown(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_shown(entry) for entry in value]
    if isinstance(value, str):
        return visible(value)
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
