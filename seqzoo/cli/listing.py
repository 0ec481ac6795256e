"""The output of `seqzoo runs`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqzoo.errors import and_others, counted
from seqzoo.escape import json_text, rich_text
from seqzoo.folding import Name
from seqzoo.grid.labels import axis_labels, tried_label, value_label
from seqzoo.overhang import overhang
from seqzoo.report import Change, Collection, Pair, Result
from seqzoo.report.collect.failures import failed_alike
from seqzoo.report.runs.conditions import run_row
from seqzoo.report.tables.wording import metrics_name, number, signed
from seqzoo.thousands import thousands

__all__ = ["show_pair", "show_runs"]


def show_runs(collection: Collection, results: list[Result], as_json: bool) -> None:
    """Print a table of runs and a line per kind of failure, or JSON."""
    if as_json:
        print(json_text([run_row(result) for result in results]))
        return
    console = Console(highlight=False)
    table = _runs_table(collection, results)
    if overhang(table, console):
        table.padding = 0  # narrower before any word is folded
    console.print(table)
    count = f"{len(results)} of {counted(len(collection.results) + len(collection.trials), 'run')}"
    console.print(rich_text(f"{count}, {_place(collection)}", "dim"), soft_wrap=True)
    for first, runs in failed_alike((each, each.run_id) for each in results if each.error):
        line = Text("failed ", "bold red") + rich_text(f"{and_others(runs)}: {first.error}")
        console.print(line, soft_wrap=True)


def _place(collection: Collection) -> str:
    directory = collection.directories[0]
    is_run = len(collection.results) == 1 and collection.results[0].directory == directory
    return f"in {directory}" if is_run else f"each in {directory}/runs/RUN"


def _runs_table(collection: Collection, results: list[Result]) -> Table:
    table = _table()
    with_variant = any(result.variant for result in collection.results)
    table.add_column("run", no_wrap=True)
    metric = metrics_name(result.record.metric.name for result in results if result.record)
    axes = axis_labels(collection.axes).values()
    for name in [*(["variant"] if with_variant else []), *axes]:
        table.add_column(rich_text(name), overflow="fold")
    if collection.trials:
        table.add_column("trial", overflow="fold")
    for name in ("seed", "state", metric, "steps", "params", "tok/s"):
        justify = "left" if name == "state" else "right"
        table.add_column(rich_text(name), justify=justify, no_wrap=True)
    for result in results:
        point = [
            collection.labels.value(axis, result.point[axis]) if axis in result.point else ""
            for axis in collection.axes
        ]
        table.add_row(
            result.run_id,
            *map(Name, [result.variant] if with_variant else []),
            *map(Name, point),
            *map(rich_text, [_trial(result)] if collection.trials else []),
            str(result.seed),
            Text(result.state, style="red" if result.state == "failed" else ""),
            *map(rich_text, _measured(result, with_name=metric == "metric")),
        )
    return table


def _trial(result: Result) -> str:
    """Number and values of a trial; for a run of the comparison its chosen values."""
    if result.tried is not None:
        return f"{result.tried.number}: {tried_label(result.tried.values)}"
    return tried_label(result.chosen.values) if result.chosen is not None else ""


def _measured(result: Result, with_name: bool) -> list[str]:
    record = result.record
    if record is None:
        return ["", "", "", ""]
    value = record.metrics.get(record.metric.name)
    name = f"{record.metric.name} " if with_name else ""
    return [
        "" if value is None else name + number(value),
        f"{record.steps:,}",
        thousands(record.parameters),
        thousands(record.timings.tokens_per_s),
    ]


def show_pair(pair: Pair, names: tuple[str, str], as_json: bool) -> None:
    """Print how two runs differ, or JSON."""
    if as_json:
        print(json_text(asdict(pair)))
        return
    console = Console(highlight=False)
    for letter, name in zip("AB", names, strict=True):
        console.print(rich_text(f"{letter}: {name}"), soft_wrap=True)
    console.print()
    for title, differing in (("spec", pair.spec), ("environment", pair.environment)):
        if differing:
            console.print(_changes_table(title, differing))
        else:
            console.print(f"{title}: the same")
        console.print()
    table = _table("results")
    for heading in ("", "A", "B", "B - A"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, (one, two) in pair.results.items():
        table.add_row(*map(rich_text, (name, _said(one), _said(two), _step(one, two))))
    console.print(table)


def _changes_table(title: str, differing: list[Change]) -> Table:
    table = _table(title)
    for heading in ("", "A", "B"):
        table.add_column(heading, overflow="fold")
    for change in differing:
        before = "(none)" if change.kind == "added" else value_label(change.before)
        after = "(none)" if change.kind == "removed" else value_label(change.after)
        table.add_row(*map(rich_text, (change.path, before, after)))
    return table


def _table(title: str = "") -> Table:
    return Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )


def _said(value: Any) -> str:
    if isinstance(value, int | float):
        return number(value) if isinstance(value, float) else f"{value:,}"
    return "" if value is None else str(value)


def _step(one: Any, two: Any) -> str:
    if not isinstance(one, int | float) or not isinstance(two, int | float):
        return ""
    if isinstance(one, int) and isinstance(two, int):
        return f"{two - one:+,}" if two != one else "0"
    return signed(two - one, like=two)
