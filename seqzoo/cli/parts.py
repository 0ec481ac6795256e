"""`seqzoo parts`: what is registered, from which plugin and version."""

from __future__ import annotations

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

__all__ = ["command"]


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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what specs can name: every part and preset, its plugin and version.

    With a name: its equation and source, and every key with its type, default and meaning.
    """
    registry = load_registry()
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
        raise SpecError(f"no part is of family '{family}'; {hint}")
    entries = [entry for entry in registry if family in (None, entry.family)]
    if as_json:
        print(json_text([_row(entry) for entry in entries]))
    else:
        Console(highlight=False, soft_wrap=False).print(_table(entries))
    _name_the_broken(registry)


def _row(entry: Entry) -> dict[str, str]:
    return {
        "family": entry.family,
        "name": entry.name,
        "plugin": entry.origin.plugin,
        "version": entry.origin.version,
        "doc": entry.doc,
    }


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


def _name_the_broken(registry: Registry) -> None:
    for broken in registry.broken:
        print(visible(f"{broken}; repair or uninstall it"), file=sys.stderr)
