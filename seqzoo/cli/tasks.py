"""`seqzoo tasks` lists the tasks; `seqzoo tasks show NAME` prints a sequence with its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from seqzoo.cli.commands import settings
from seqzoo.errors import Problem, SpecError
from seqzoo.escape import json_text, rich_text
from seqzoo.registry import Entry, Registry, load_registry
from seqzoo.spec import Part, PartSpec, SpecModel, slot

__all__ = ["app"]

app = typer.Typer(invoke_without_command=True, **settings())

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def listing(context: typer.Context, as_json: AsJson = False) -> None:
    """List the tasks, or show an example of one."""
    if context.invoked_subcommand is not None:
        return
    registry = load_registry()
    rows = [_row(entry, registry) for entry in registry if entry.family == "task"]
    if as_json:
        print(json_text(rows))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("task", no_wrap=True)
    table.add_column("length", justify="right")
    table.add_column("doc", ratio=1)
    for row in rows:
        table.add_row(rich_text(row["name"]), str(row["length"] or ""), rich_text(row["doc"]))
    console = Console(highlight=False)
    console.print(table)
    console.print("\nseqzoo tasks show NAME prints an example", style="dim")


def _row(entry: Entry, registry: Registry) -> dict[str, Any]:
    """Name, default length (None where it has none without settings), plugin, doc."""
    if isinstance(entry.target, type) and issubclass(entry.target, Part):
        field = entry.target.Spec.model_fields.get("length")
        length = field.default if field is not None else None
    else:
        length = getattr(registry.spec("task", entry.name), "length", None)
    return {
        "name": entry.name,
        "length": length if isinstance(length, int) else None,
        "plugin": entry.origin.plugin,
        "doc": entry.doc,
    }


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="A setting of the task, length=16."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the example.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Print a training sequence of a task with its labels below."""
    from seqzoo.cli.showing import example_of, print_example

    example = example_of(name, _spec(name, changes or ()), seed)
    if as_json:
        print(json_text(example.as_data()))
    else:
        print_example(example, Console(highlight=False))


class _Choice(SpecModel):
    """The task chosen for `show`."""

    task: PartSpec = slot("task")


def _spec(name: str, changes: Sequence[str]) -> PartSpec:
    """The task's spec with the changes laid over it; `length=16` is short for `task.length=16`.

    Raises:
        SpecError: an unknown task or setting, a wrong value, or a setting that is missing.
    """
    from seqzoo.spec.document import Document

    written = Document.of({"task": {"type": name}}).with_settings(
        change if change.startswith("task.") else f"task.{change}" for change in changes
    )
    try:
        return written.validate(_Choice, load_registry()).task
    except SpecError as failure:
        raise SpecError([_with_next_step(problem) for problem in failure.problems]) from None


def _with_next_step(problem: Problem) -> Problem:
    """Add how to give a missing setting on this command line."""
    if not problem.what.endswith("is missing"):
        return problem
    key = problem.path.removeprefix("task.")
    return replace(problem, hint=f"give it by --set {key}=VALUE")
