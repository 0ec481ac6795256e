"""Print the page of a part for `seqzoo parts NAME`: its text, then its keys in a table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from seqzoo.escape import visible, visible_lines
from seqzoo.registry.explained import Explained
from seqzoo.spec.fields import Field
from seqzoo.spec.write import as_yaml

__all__ = ["print_pages"]

WIDE = 100  # columns from which keys stand in a table


def print_pages(pages: Sequence[Explained], console: Console) -> None:
    """Each page, folded to the terminal's width, an empty line between two."""
    for index, page in enumerate(pages):
        if index:
            console.print()
        _print(page, console)


def _print(page: Explained, console: Console) -> None:
    heading = Text()
    heading.append(visible(f"{page.family}/{page.name}"), style="bold")
    heading.append(visible(f"  {page.plugin} {page.version}"), style="dim")
    console.print(heading)
    if page.spec is not None:
        console.print(Text(visible(f"stands for {as_yaml(page.spec)}"), style="dim"))
    console.print(Text(visible_lines(_flowing(page.doc))))
    if page.file:
        console.print(Text(visible(page.file), style="dim"), soft_wrap=True)
    console.print()
    if not page.keys:
        console.print("no keys")
        return
    console.print(_table(page.keys) if console.width >= WIDE else _listed(page.keys))


def _flowing(doc: str) -> str:
    """The docstring with each paragraph on one line; what is indented stays as it is."""
    paragraphs = doc.split("\n\n")
    return "\n\n".join(
        each if re.search(r"^\s", each, re.MULTILINE) else " ".join(each.split("\n"))
        for each in paragraphs
    )


def _table(keys: Sequence[Field]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading_text, ratio in (("key", None), ("takes", 2), ("default", 2), ("meaning", 3)):
        table.add_column(heading_text, ratio=ratio, overflow="fold")
    for key in keys:
        cells = (key.path, key.type, _default(key), key.meaning)
        table.add_row(*(Text(visible(cell)) for cell in cells))
    return table


def _listed(keys: Sequence[Field]) -> Table:
    """Where a table would cut up paths: a line for each, what it takes and means below."""
    grid = Table.grid()
    grid.add_column(overflow="fold")
    for key in keys:
        default = _default(key)
        told = default if key.default is None else f"default {default}"
        grid.add_row(Text(visible(key.path), style="bold"))
        grid.add_row(Padding(Text(visible(f"{key.type}; {told}")), (0, 0, 0, 4)))
        if key.meaning:
            grid.add_row(Padding(Text(visible(key.meaning)), (0, 0, 0, 4)))
    return grid


def _default(key: Field) -> str:
    return "required" if key.default is None else key.default
