"""`seqzoo plugin`: a new plugin's first files, and the conformance kit over an installed one."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from unittest import SkipTest

import typer

from seqzoo.cli.commands import settings
from seqzoo.errors import RunError, SpecError, counted, did_you_mean
from seqzoo.escape import json_text, visible

if TYPE_CHECKING:
    from seqzoo.registry import Registry
    from seqzoo.testing import Check

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, **settings())

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
Outcome = Literal["passed", "skipped", "failed"]


@app.callback()
def _group() -> None:
    """Start a plugin, or run the conformance kit over an installed one."""


@app.command("new")
def new(
    name: Name,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where; else ./seqzoo-NAME.")
    ] = None,
) -> None:
    """Write a plugin to start from: a part, a mixer that uses it, a grid and tests."""
    from seqzoo.cli.scaffold import Project, write_project
    from seqzoo.registry import load_registry

    project = Project(name.removeprefix("seqzoo-"))
    project.refuse_taken_names(load_registry())
    folder = Path(project.distribution) if out is None else out
    for path in write_project(project, folder):
        print(visible(str(path)))
    print(visible(f"next: pip install -e {folder}; seqzoo plugin check {project.name}"))


@app.command("check")
def check(
    name: Name,
    part: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this part, prism or mixer/prism.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one row per check.")] = False,
) -> None:
    """Run the conformance kit over everything that a plugin registers.

    NAME is the plugin's as `seqzoo parts` lists it; that of a file given by --plugin is the file's
    without .py. A mixer takes about a minute on a CPU.
    """
    from seqzoo.registry import load_registry
    from seqzoo.testing import conformance

    registry = load_registry()
    _refuse_unknown(registry, name)
    checks = list(conformance(name, registry))
    if part is not None:
        checks = [each for each in checks if part in _names(each)]
        if not checks:
            raise SpecError(f"plugin '{name}' registers no part {part!r}; see seqzoo parts")
    rows: list[Row] = []
    for _, of_part in groupby(checks, key=_names):
        found = list(map(_run, of_part))
        rows += found
        if not as_json:
            _print(found)
    if as_json:
        print(json_text([asdict(row) for row in rows]))
    failed = sum(row.outcome == "failed" for row in rows)
    if failed:
        raise RunError(f"plugin '{name}': {failed} of {counted(len(rows), 'check')} failed")


@dataclass(frozen=True)
class Row:
    """What one check found.

    Attributes:
        family, name: the part's.
        check: the check's.
        outcome: passed, skipped or failed.
        reason: why, unless it passed.
    """

    family: str
    name: str
    check: str
    outcome: Outcome
    reason: str | None = None


def _refuse_unknown(registry: Registry, name: str) -> None:
    """Raise SpecError unless a plugin of this name was loaded."""
    for broken in registry.broken:
        if broken.origin.plugin == name:
            raise SpecError(str(broken))
    known = {entry.origin.plugin for entry in registry}
    if name not in known:
        raise SpecError(f"no plugin '{name}' is loaded; {did_you_mean(name, known)}")


def _names(check: Check) -> tuple[str, str]:
    """The part's name, alone and after its family."""
    return check.name, f"{check.family}/{check.name}"


def _run(check: Check) -> Row:
    outcome, reason = _outcome(check)
    return Row(check.family, check.name, check.function.__name__, outcome, reason)


def _outcome(check: Check) -> tuple[Outcome, str | None]:
    try:
        check()
    except SkipTest as reason:
        return "skipped", str(reason)
    except Exception as failure:  # a plugin's code may raise whatever it likes
        return "failed", f"{type(failure).__name__}: {failure}"
    return "passed", None


def _print(rows: list[Row]) -> None:
    """Print one line per part, and one below it for each check that did not pass."""
    counts = Counter(row.outcome for row in rows)
    told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))
    print(visible(f"{rows[0].family} {rows[0].name}: {told}"), flush=True)
    for row in rows:
        if row.outcome != "passed":
            print(visible(f"  {row.outcome} {row.check}: {row.reason}"), flush=True)
