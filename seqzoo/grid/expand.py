"""A grid -> its runs, every one validated. Pure: nothing is written, nothing started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqzoo.errors import Problem, SpecError
from seqzoo.grid.cells import Cell, cells_of
from seqzoo.grid.labels import value_label
from seqzoo.spec import Catalog
from seqzoo.spec.document import Document
from seqzoo.spec.explain import in_order
from seqzoo.spec.grid import GridSpec
from seqzoo.spec.marks import Location
from seqzoo.spec.run import RunSpec
from seqzoo.spec.slot import Memo

__all__ = ["PlannedRun", "expand"]


@dataclass(frozen=True)
class PlannedRun:
    """One run of a grid.

    Attributes:
        run_id: hash of the resolved spec and seed.
        variant: "" if the grid has no variants.
        point: path of an axis -> value as written.
        seed: the run's seed.
        spec: the run itself.
    """

    run_id: str
    variant: str
    point: Mapping[str, Any]
    seed: int
    spec: RunSpec


def expand(grid: GridSpec, catalog: Catalog) -> tuple[PlannedRun, ...]:
    """All runs of a grid: variants outermost, then paired, axes in the order written, seeds.

    Two points of one variant may be the same run (an axis over `prism` and `{type: prism}`): both
    are listed, with one run_id. Two variants that are the same run are an error: one of them
    changes nothing.

    Raises:
        SpecError: with every problem of every cell, each told once.
    """
    cells, problems = cells_of(grid)
    base = _base(grid.document)
    specs: list[tuple[Cell, RunSpec]] = []
    findings = _Findings(cells)
    memo: Memo = {}
    for cell in cells:
        spec, found = _checked(cell, base, grid.document, catalog, memo)
        findings.add(cell, found)
        if spec is not None:
            specs.append((cell, spec))
    problems += [trap.problem for trap in grid.document.traps]
    problems += findings.problems() + _repeated_seeds(grid)
    runs = _runs(grid, specs)
    problems = problems or _same_runs(grid, runs)
    if problems:
        raise SpecError(in_order(problems))
    return runs


def _base(document: Document) -> Document:
    return Document.of(None).with_value((), document, ("base",))


def _checked(
    cell: Cell, base: Document, grid: Document, catalog: Catalog, memo: Memo
) -> tuple[RunSpec | None, list[Problem]]:
    document = base
    problems: list[Problem] = []
    for change in cell.changes:
        try:
            document = document.with_value(change.path, grid, change.written)
        except SpecError as failure:
            problems.extend(failure.problems)
    if problems:
        return None, problems
    spec, found = document.check(RunSpec, catalog, memo)
    traps = {trap.problem for trap in grid.traps}  # are told once, not for each cell
    return spec, [
        _with_cause(location, problem, cell, grid)
        for location, problem in found
        if problem not in traps
    ]


def _with_cause(location: Location, problem: Problem, cell: Cell, grid: Document) -> Problem:
    """The problem; where a delta set the type that does not know a key, the delta is named."""
    for change in cell.changes:
        if change.path == (*location[:-1], "type") and "unknown key" in problem.what:
            place = grid.marks.value(change.written)
            what = f"{problem.what}, which {change.owner} sets at {place}"
            part = ".".join(map(str, location[:-1]))
            hint = f"{problem.hint}; a delta of {part} as a whole leaves no key of the old part"
            return Problem(problem.where, problem.path, what, hint)
    return problem


class _Findings:
    """Problems of cells, each once, with the cells that have it unless all do."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._factors = _values(cells)
        self._cells: dict[Problem, list[Cell]] = {}

    def add(self, cell: Cell, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self._cells.setdefault(problem, []).append(cell)

    def problems(self) -> list[Problem]:
        return [self._placed(problem, cells) for problem, cells in self._cells.items()]

    def _placed(self, problem: Problem, cells: Sequence[Cell]) -> Problem:
        """The problem, with the variants and values it needs to happen."""
        needed = [
            f"{factor}{' or '.join(values)}"
            for factor, values in _values(cells).items()
            if len(values) < len(self._factors[factor])
        ]
        if not needed:
            return problem
        return replace(problem, what=f"{problem.what} (in {', '.join(needed)})")


def _values(cells: Sequence[Cell]) -> dict[str, dict[str, None]]:
    """Variant and each axis -> its values in these cells, as people write them."""
    values: dict[str, dict[str, None]] = {}
    for cell in cells:
        if cell.variant:
            values.setdefault("variant ", {})[f"'{cell.variant}'"] = None
        for path, value in cell.point.items():
            values.setdefault(f"{path}=", {})[value_label(value)] = None
    return values


def _runs(grid: GridSpec, specs: Iterable[tuple[Cell, RunSpec]]) -> tuple[PlannedRun, ...]:
    runs = []
    for cell, spec in specs:
        for seed in dict.fromkeys(grid.seed_list(spec.seed)):
            seeded = spec.model_copy(update={"seed": seed})
            runs.append(PlannedRun(seeded.run_id, cell.variant, cell.point, seed, seeded))
    return tuple(runs)


def _repeated_seeds(grid: GridSpec) -> list[Problem]:
    seeds = grid.seeds if isinstance(grid.seeds, tuple) else ()
    marks = grid.document.marks
    return [
        Problem(str(marks.value(("seeds", index))), f"seeds.{index}", f"seed {seed} is there twice")
        for index, seed in enumerate(seeds)
        if seed in seeds[:index]
    ]


def _same_runs(grid: GridSpec, runs: Iterable[PlannedRun]) -> list[Problem]:
    """Variants that are the same run somewhere, each pair told once."""
    first: dict[str, PlannedRun] = {}
    pairs: dict[tuple[str, str], Problem] = {}
    for run in runs:
        other = first.setdefault(run.run_id, run)
        if other.variant != run.variant:
            where = str(grid.document.marks.key(("variants", run.variant)))
            same = "".join(f", {path}={value}" for path, value in run.point.items())
            pairs.setdefault(
                (other.variant, run.variant),
                Problem(
                    where,
                    f"variants.{run.variant}",
                    f"the same run as variant '{other.variant}'{same}",
                    "a variant changes something; remove one of the two",
                ),
            )
    return list(pairs.values())
