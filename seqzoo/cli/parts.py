"""`seqzoo parts`: the registered parts with their plugins and versions."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from seqzoo.cli.explaining import print_pages
from seqzoo.errors import SpecError, did_you_mean
from seqzoo.escape import json_text, rich_text, visible
from seqzoo.registry import Entry, Registry, load_registry
from seqzoo.registry.explained import entries_named, explain
from seqzoo.registry.taken_apart import TakenApart, taken_apart

__all__ = ["command"]

WIDE = 120  # columns from which parts, or layers taken apart, stand in one table


def command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="Explain this one: prism, or mixer/prism.", show_default=False
        ),
    ] = None,
    family: Annotated[
        str | None, typer.Option(metavar="FAMILY", help="Only this family, such as mixer.")
    ] = None,
    slots: Annotated[
        bool, typer.Option("--slots", help="Take the recurrent layers apart, slot by slot.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every part and preset that specs can name.

    A terminal of 120 columns or more shows the plugin and version of each too, as a pipe does.

    With a name: its equation and source, and every key with its type, default and meaning. With
    --slots: the projections, gates, forget, injection and readout of every recurrent preset.
    """
    registry = load_registry()
    if slots:
        if name is not None or family not in (None, "mixer"):
            raise SpecError("parts: --slots lists all recurrent presets; leave NAME and FAMILY out")
        rows = taken_apart(registry)
        if as_json:
            print(json_text([asdict(row) for row in rows]))
        else:
            _print_slots(rows, Console(highlight=False))
        _name_the_broken(registry)
        return
    if name is not None:
        wanted = name if family is None or "/" in name else f"{family}/{name}"
        pages = [explain(entry, registry) for entry in entries_named(registry, wanted)]
        if as_json:
            print(json_text([asdict(page) for page in pages]))
        else:
            print_pages(pages, Console(highlight=False))
        _name_the_broken(registry)
        return
    if family is not None and family not in registry.families():
        hint = did_you_mean(family, registry.families())
        raise SpecError(f"there is no family '{family}'; {hint}")
    entries = [entry for entry in registry if family in (None, entry.family)]
    if as_json:
        print(json_text([_row(entry) for entry in entries]))
    else:
        _print_entries(entries, Console(highlight=False))
    _name_the_broken(registry)


def _row(entry: Entry) -> dict[str, str]:
    return {
        "family": entry.family,
        "name": entry.name,
        "plugin": entry.origin.plugin,
        "version": entry.origin.version,
        "doc": entry.doc,
    }


def _print_entries(entries: list[Entry], console: Console) -> None:
    """Print a table that fits the terminal; a line for each entry where there is none, as for grep.

    A narrow table has neither plugin nor version.
    """
    if not console.is_terminal and "COLUMNS" not in os.environ:
        for entry in entries:
            print("  ".join(visible(word) for word in _row(entry).values()))
    else:
        console.print(_table(entries) if console.width >= WIDE else _narrow_table(entries))


def _table(entries: list[Entry]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in ("family", "name", "plugin", "version"):
        table.add_column(heading, no_wrap=True)
    table.add_column("doc", ratio=1)
    shown = ""
    for entry in entries:
        row = _row(entry)
        if entry.family == shown:
            row["family"] = ""
        shown = entry.family
        table.add_row(*map(rich_text, row.values()))
    return table


def _narrow_table(entries: list[Entry]) -> Table:
    """Families as headings; neither plugin nor version, for which `seqzoo parts NAME` is there."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(max_width=28, overflow="fold")
    table.add_column(ratio=1, overflow="fold")
    shown = ""
    for entry in entries:
        if entry.family != shown:
            if shown:
                table.add_row("", "")
            table.add_row(rich_text(entry.family, "bold"), "")
        shown = entry.family
        table.add_row(rich_text(f"  {entry.name}"), rich_text(entry.doc))
    return table


def _print_slots(rows: list[TakenApart], console: Console) -> None:
    """Print a table if there is room, otherwise a few lines per layer."""
    headings = ("projections", "gates", "forget", "injection", "read")
    if console.width >= WIDE:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        table.add_column("layer", overflow="fold", ratio=3)
        for heading in headings:
            ratio = {"projections": 5, "gates": 2}.get(heading, 3)
            table.add_column(heading, overflow="fold", ratio=ratio)
        for row in rows:
            table.add_row(
                rich_text(row.name), *(rich_text(getattr(row, each)) for each in headings)
            )
        console.print(table)
        return
    for row in rows:
        console.print(rich_text(row.name, "bold") + rich_text(f"  ({row.plugin})", "dim"))
        lines = Table.grid(padding=(0, 2, 0, 2))
        lines.add_column(no_wrap=True, style="dim")
        lines.add_column(ratio=1)
        for heading in headings:
            if getattr(row, heading):
                lines.add_row(heading, rich_text(getattr(row, heading)))
        console.print(lines)


def _name_the_broken(registry: Registry) -> None:
    for broken in registry.broken:
        print(visible(f"{broken}; repair or uninstall it"), file=sys.stderr)
