"""Load a file as a run or a grid, with its base and with settings laid over it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqzoo.errors import Problem, SpecError
from seqzoo.spec.delta import split_path
from seqzoo.spec.document import Document, parse_setting, read_document
from seqzoo.spec.explain import in_order
from seqzoo.spec.grid import GridSpec
from seqzoo.spec.marks import Location
from seqzoo.spec.run import RunSpec
from seqzoo.spec.slot import Catalog

__all__ = ["is_grid", "load"]

_GRID_ONLY = frozenset(GridSpec.model_fields) - frozenset(RunSpec.model_fields)
_RUN_ONLY = frozenset(RunSpec.model_fields) - frozenset(GridSpec.model_fields)
_KEYED_BY_PATHS = re.compile(  # where a path of the run is one key; a number there is an item's
    r"(sampler\.space|(?:grids\.\d+\.)?(?:axes|variants\.[^.]+|(?:paired|exclude)(?:\.\d+)?))"
    r"\.(?!\d+$)(.+)"
)


def load(path: Path | str, catalog: Catalog, settings: Sequence[str] = ()) -> RunSpec | GridSpec:
    """The run or grid of a file. A grid's cells, and traps in its text, are checked by `expand`.

    Args:
        path: the YAML file.
        catalog: where names of parts are looked up.
        settings: `path=value` texts laid over the file; in a grid `base.` leads into its run.

    Raises:
        SpecError: with every problem found.
    """
    document = read_document(path)
    if not is_grid(document.data):
        run, problems = document.with_settings(settings).check(RunSpec, catalog)
        if run is None or problems:
            raise SpecError(in_order(_hinted(problem) for _, problem in problems))
        return run
    document = _with_base(document, Path(path).parent, settings)
    grid, problems = document.check(GridSpec, catalog)
    if grid is None:
        raise SpecError(in_order(problem for _, problem in problems))
    return grid.written_in(document)


def _hinted(problem: Problem) -> Problem:
    """Hint at a grid's key in a run: most likely a grid whose run is not under `base`."""
    if problem.path in _GRID_ONLY:
        return replace(
            problem, hint="for a grid, put the run below 'base:', or name its file there"
        )
    return problem


def is_grid(data: Any) -> bool:
    """Whether a document is a grid, by its keys; anything else is read as a run."""
    keys = set(data) if isinstance(data, dict) else set()
    return "base" in keys or (bool(keys & _GRID_ONLY) and not keys & _RUN_ONLY)


def _with_base(document: Document, folder: Path, settings: Sequence[str]) -> Document:
    """The grid's document with its base inline and the settings laid over it."""
    placed: list[tuple[Location, Document]] = []
    for setting in settings:
        try:
            location, value = _grid_setting(setting)
        except SpecError as failure:
            document = document.with_problems(failure.problems)
            continue
        if location == ("base",):
            document = document.with_value(location, value)
        else:
            placed.append((location, value))
    base = document.data.get("base")
    if isinstance(base, str):
        document = document.with_value(("base",), _read_base(document, folder / base))
    for location, value in placed:
        try:
            document = document.with_value(location, value)
        except SpecError as failure:
            document = document.with_problems(failure.problems)
    return document


def _grid_setting(setting: str) -> tuple[Location, Document]:
    """Location in the grid, and value, of a `path=value` text."""
    path, value = parse_setting(setting)
    first = path.partition(".")[0]
    if first in _RUN_ONLY:
        hint = f"a grid's run is its base: write --set base.{setting}"
        raise SpecError([Problem(value.name, path, f"'{first}' is not a key of a grid", hint)])
    if (keyed := _KEYED_BY_PATHS.fullmatch(path)) is not None:
        return (*_steps(keyed[1]), keyed[2]), value
    return split_path(path), value


def _steps(path: str) -> Location:
    """The steps of a grid's path; the name of a variant is text, also if it is a number."""
    steps = path.split(".")
    lists = ("grids", "paired", "exclude")
    return tuple(
        int(step) if step.isdecimal() and above in lists else step
        for above, step in itertools.pairwise(("", *steps))
    )


def _read_base(document: Document, path: Path) -> Document:
    try:
        base = read_document(path)
    except SpecError as failure:
        where = str(document.marks.value(("base",)))
        first = failure.problems[0]
        if first.where != str(path):  # the file is there, and something is wrong inside it
            raise
        what = f"the base {first.where}: {first.what}"
        raise SpecError([Problem(where, "base", what, first.hint)]) from None
    if is_grid(base.data):
        where = str(document.marks.value(("base",)))
        what = f"{path} is a grid, and the base of a grid is a run"
        raise SpecError([Problem(where, "base", what, "name the file of a run")])
    return base
