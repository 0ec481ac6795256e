"""Print the rows, one table per phase, for terminals of 80 columns or more."""

from __future__ import annotations

from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table

from seqzoo.bench.measure import Row
from seqzoo.escape import rich_text

__all__ = ["print_rows"]

WIDE = 100  # columns from which percentiles are shown


def print_rows(console: Console, rows: list[Row]) -> None:
    """One table per phase, followed by what was not measured and the backends that computed."""
    for phase, each in groupby(rows, lambda row: row["phase"]):
        group = list(each)
        console.print()
        console.print(rich_text(TITLES[phase], "bold"))
        console.print(_table(group, phase, wide=console.width >= WIDE))
        for row in group:
            for field, what in (("skipped", "not measured"), ("memory_skipped", "no memory")):
                if field in row:
                    where = f"{row['mixer']} at {row['length']:,}"
                    console.print(rich_text(f"{where}: {what}, {row[field]}", "dim"))
    backends = _backends(rows)
    console.print()
    for line in backends:
        console.print(rich_text(line, "dim"))


TITLES = {
    "training": "training: forward and backward",
    "prefill": "prefill: a whole sequence without gradients",
    "decode": "decode: one token after so many",
}


def _table(rows: list[Row], phase: str, *, wide: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("mixer", overflow="fold", min_width=12)
    spread = ("20-80%",) if wide else ()
    held = "state" if phase == "decode" else "peak"
    for name in ("tokens", "ms", *spread, "scan", "proj", "ratio", "tokens/s", held):
        table.add_column(name, justify="right", no_wrap=True)
    shown = None
    for row in rows:
        name = rich_text(row["mixer"] if row["mixer"] != shown else "")
        shown = row["mixer"]
        length = f"{row['length']:,}"
        if "ms" not in row:
            table.add_row(name, length, "-")
            continue
        between = (f"{_number(row['ms_p20'])}-{_number(row['ms_p80'])}",) if wide else ()
        table.add_row(
            name,
            length,
            _number(row["ms"]),
            *between,
            _number(row["scan_ms"]),
            _number(row["projections_ms"]),
            "-" if row["over_floor"] is None else f"{row['over_floor']:.2f}",
            _three_digits(row["tokens_per_s"]),
            _size(row["state_bytes"] if phase == "decode" else row.get("peak_bytes")),
        )
    return table


def _backends(rows: list[Row]) -> list[str]:
    """Which backends computed the scans of which mixers, and why."""
    found: dict[tuple[str, str, tuple[str, ...]], dict[str, None]] = {}
    for row in rows:
        for used in row.get("scan_backends", ()):
            key = used["operation"], used["backend"], tuple(used["reasons"])
            found.setdefault(key, {})[row["mixer"]] = None
    return [
        f"{operation} on backend {backend} in {', '.join(mixers)} ({'; '.join(reasons)})"
        for (operation, backend, reasons), mixers in found.items()
    ]


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _three_digits(value: float) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size * 0.9995:  # what is less rounds to 999
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def _size(count: int | None) -> str:
    if count is None:
        return "-"
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"
