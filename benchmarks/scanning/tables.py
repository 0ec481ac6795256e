"""The rows and the verdicts as tables, in 80 columns or more."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scanning.plan import LENGTHS, RANKED
from scanning.recurrences import RECURRENCES
from scanning.verdicts import Verdict

Row = dict[str, Any]


def print_rows(console: Console, rows: Sequence[Row]) -> None:
    """One table per group, shape and action; reasons why something was not measured below it."""

    def of(row: Row) -> tuple:
        shape = "" if row["group"] == LENGTHS else tuple(row["shape"])
        return row["group"], row["action"], row["dtype"], shape

    for key, each in groupby(rows, of):
        group = list(each)
        console.print(_table(key, group))
        for row in group:
            if "note" in row:
                console.print(f" {_subject(row)}: {row['note']}", style="dim")
            for field in ("skipped", "memory_skipped", "errors_skipped"):
                if field in row:
                    what = field.removesuffix("_skipped").replace("skipped", "not measured")
                    console.print(f" {_subject(row)}: {what}, {row[field]}", style="dim")
        console.print()


def print_verdicts(console: Console, verdicts: Sequence[Verdict]) -> None:
    """The judged lines, held or not."""
    table = Table(box=box.SIMPLE_HEAD, title="Judged lines", title_justify="left", pad_edge=False)
    for name in ("line", "wanted", "found", "held"):
        table.add_column(name, overflow="fold", no_wrap=name in ("wanted", "held"))
    for verdict in verdicts:
        held = {True: Text("yes", "green"), False: Text("no", "red"), None: Text("-", "dim")}
        table.add_row(verdict.line, verdict.wanted, verdict.found, held[verdict.held])
    console.print(table)


def _table(key: tuple, rows: list[Row]) -> Table:
    group, action, dtype, shape = key
    titles = {RANKED: "PRISM by rank", LENGTHS: "by length"}
    title = titles.get(group) or RECURRENCES[group].title
    where = f" (B,T,H,D) = ({','.join(map(str, shape))})" if shape else ""
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"{title}, {action}, {dtype}{where}",
        title_justify="left",
        pad_edge=False,
    )
    table.add_column("subject", overflow="fold", min_width=20)
    for name in ("ms", "20-80%", "x ours", "MiB", "limit", "error"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(_subject(row), *_figures(row, rows))
    return table


def _subject(row: Row) -> str:
    """The subject, with what tells the rows of one table apart."""
    parts = [row["subject"]]
    if row["group"] == RANKED and row["recurrence"].startswith("prism"):
        parts.append(f"rank {row['recurrence'].rpartition('_')[2]}")
    if row["group"] == LENGTHS:
        if row["recurrence"].startswith("prism"):
            parts.append("PRISM 2")
        parts.append(f"T {row['shape'][1]}")
    if row["ours"] and row.get("backend") not in (None, row["subject"].rpartition(" ")[2]):
        parts[0] += f" ({row['backend']})"
    if not row["exact"]:
        parts.append("(another function)")
    return " ".join(parts)


def _figures(row: Row, rows: list[Row]) -> list[str]:
    if "skipped" in row:
        return ["-", "", "", "", "", ""]
    error = max(row["errors"].values()) if "errors" in row else None
    return [
        _number(row["median_ms"]),
        f"{_number(row['p20_ms'])}-{_number(row['p80_ms'])}",
        _over_ours(row, rows),
        f"{row['peak_bytes'] / 2**20:.0f}" if "peak_bytes" in row else "",
        f"{100 * row['of_limit']:.0f}%" if "of_limit" in row else "",
        f"{error:.0e}" if error is not None else "",
    ]


def _over_ours(row: Row, rows: list[Row]) -> str:
    """How many times as long it takes as ours: the same recurrence, or the group's first row."""
    same_shape = [o for o in rows if o["ours"] and o["shape"] == row["shape"] and "median_ms" in o]
    same = [o for o in same_shape if o["recurrence"] == row["recurrence"]]
    base = same_shape if row["ours"] else same or same_shape
    if not base or base[0] is row:
        return ""
    return f"{row['median_ms'] / base[0]['median_ms']:.2f}"


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
