"""`seqzoo runs DIR` lists the runs of a directory; `seqzoo runs diff A B` compares two."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqzoo.errors import SpecError

__all__ = ["command"]


def command(
    words: Annotated[list[str], typer.Argument(metavar="DIR | diff A B", show_default=False)],
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Filter; also != < <= > >=; may be repeated."),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Sort by a column, metric, axis or spec path."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the runs of a directory, or show how two runs differ."""
    from seqzoo.cli.listing import show_pair, show_runs
    from seqzoo.report import collect, compare_runs, list_runs

    match words:
        case ["diff", first, second]:
            if where or sort:
                raise SpecError(
                    "--where and --sort choose among the runs of one DIR, not in a diff"
                )
            show_pair(compare_runs(Path(first), Path(second)), (first, second), as_json)
        case [directory] if directory != "diff" or Path(directory).is_dir():
            collection = collect(Path(directory))
            show_runs(collection, list_runs(collection, where or (), sort), as_json)
        case _:
            raise SpecError("give one DIR, or: diff A B, with the directories of two runs")
