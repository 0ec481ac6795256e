"""Print the page of a part for `seqzoo parts NAME`: its text, then its keys in a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqzoo.escape import visible, visible_lines
from seqzoo.registry.explained import Explained
from seqzoo.spec.fields import as_yaml

__all__ = ["print_pages"]


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
    console.print(Text(visible_lines(page.doc)))
    if page.file:
        console.print(Text(visible(page.file), style="dim"), soft_wrap=True)
    console.print()
    if not page.keys:
        console.print("no keys")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading_text, ratio in (("key", None), ("takes", 2), ("default", 2), ("meaning", 3)):
        table.add_column(heading_text, ratio=ratio, overflow="fold")
    for key in page.keys:
        meaning = f"{key.doc} (since {key.since})".strip() if key.since else key.doc
        default = "required" if key.default is None else key.default
        table.add_row(*(Text(visible(cell)) for cell in (key.path, key.type, default, meaning)))
    console.print(table)
