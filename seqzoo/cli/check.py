"""`seqzoo check FILE...`: validate runs and grids."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from seqzoo.errors import Problem, SpecError, counted
from seqzoo.escape import json_text, visible
from seqzoo.registry import Registry, load_registry
from seqzoo.spec.delta import split_path
from seqzoo.spec.document import Document, read_document
from seqzoo.spec.grid import GridSpec
from seqzoo.spec.run import RunSpec

__all__ = ["command"]


@dataclass(frozen=True)
class _Finding:
    """The findings on one file.

    Attributes:
        file: its path as given.
        kind: run, grid, or null where it is neither.
        runs: number of distinct runs.
        what: in words.
        problems: what is wrong with it.
    """

    file: str
    kind: str | None
    runs: int
    what: str
    problems: Sequence[Problem] = ()


def command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", show_default=False)],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Lay a value over the file's."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Validate run and grid files: every problem, at file:line:column.

    Each distinct model is also built, without its values; one that needs over 1 TiB is refused.
    """
    registry = cache(load_registry)  # imports torch, which a file that is not YAML does not need
    findings = [_examine(file, registry, settings or ()) for file in files]
    if as_json:
        print(json_text([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            _show(finding)
    if any(finding.problems for finding in findings):
        raise typer.Exit(2)


def _examine(file: Path, registry: Callable[[], Registry], settings: Sequence[str]) -> _Finding:
    try:
        document = read_document(file).with_settings(settings)
        return _examine_spec(file, registry(), settings, document)
    except SpecError as failure:
        return _Finding(str(file), None, 0, "", failure.problems)


def _examine_spec(
    file: Path, registry: Registry, settings: Sequence[str], document: Document
) -> _Finding:
    """The findings on a file that is YAML.

    Raises:
        SpecError: with every problem found.
    """
    from seqzoo import load_spec
    from seqzoo.cli.judging import judge, label_of
    from seqzoo.grid.plan.expansion import expand

    spec = load_spec(file, registry, settings)
    if isinstance(spec, RunSpec):
        if problems := judge(str(file), [(spec, "")]):
            raise SpecError([_placed(problem, document) for problem in problems])
        return _Finding(str(file), "run", 1, f"a run, id {spec.run_id}")
    planned = expand(spec, registry)
    cells = ((run.spec, label_of(run.variant, dict(run.point))) for run in planned)
    if problems := judge(str(file), cells):
        raise SpecError(problems)
    runs = len({run.run_id for run in planned})
    what = f"a grid of {counted(runs, 'run')}"
    if spec.grids is not None:
        what += f", the union of {counted(len(spec.grids), 'grid')}"
    else:
        what += _product(spec)
    if spec.sampler is not None:
        trials = getattr(spec.sampler, "trials", None)
        what += "; each cell is tuned first" + (f", in {trials} trials at most" if trials else "")
    dropped = dict.fromkeys(axis for run in planned for axis in run.dropped)
    if dropped:
        what += f"; {', '.join(dropped)} only where the part has it"
    return _Finding(str(file), "grid", runs, what)


def _placed(problem: Problem, document: Document) -> Problem:
    """The problem of a run at the line and column of its value, or of what is nearest around it."""
    location = split_path(problem.path) if problem.path else ()
    return replace(problem, where=str(document.marks.value(location)))


def _product(spec: GridSpec) -> str:
    factors = [counted(len(spec.variants), "variant")] if spec.variants else []
    factors += [counted(len(group[min(group)]), "pair") for group in spec.paired if group]
    factors += [f"{len(values)} {path}" for path, values in spec.axes.items()]
    factors += [counted(len(spec.seed_list(0)), "seed")] if spec.seeds is not None else []
    excluded = f", {len(spec.exclude)} excluded" if spec.exclude else ""
    return f": {' x '.join(factors)}{excluded}" if factors else ""


def _show(finding: _Finding) -> None:
    if not finding.problems:
        print(visible(f"{finding.file}: {finding.what}"))
        return
    sys.stdout.flush()
    print(SpecError(finding.problems), file=sys.stderr)
    count = counted(len(finding.problems), "problem")
    print(visible(f"{finding.file}: {count}"), file=sys.stderr)
