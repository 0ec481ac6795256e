"""From a grid to its validated runs, without writing or starting anything."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqzoo.errors import Problem, SpecError
from seqzoo.grid.distinct_labels import Labels, value_key
from seqzoo.grid.expand.as_built import AsBuilt
from seqzoo.grid.expand.checking import Checked, Checker
from seqzoo.grid.expand.combinations import Cell, cells_of, variant_location
from seqzoo.grid.expand.idle_axes import idle_axes, with_unread
from seqzoo.grid.expand.moot import moot_axes, moot_changes
from seqzoo.grid.labels import value_label
from seqzoo.grid.match.matcher import Matcher
from seqzoo.grid.matched import Matched
from seqzoo.grid.tune.probing import OWNER, corners, probed
from seqzoo.spec import Catalog
from seqzoo.spec.explain import in_order
from seqzoo.spec.grid import BlockSpec, GridSpec
from seqzoo.spec.marks import Location
from seqzoo.spec.run import RunSpec

__all__ = ["Expansion", "PlannedRun", "expand", "expanded"]

MOST_CELLS = 2_000  # of larger grids, settings that make no difference are not looked for
MOST_MODELS = 200  # of a grid are built to see what they read


@dataclass(frozen=True)
class PlannedRun:
    """One run of a grid.

    Attributes:
        run_id: hash of the resolved spec and seed.
        own_id: the same of the cell's own spec; another than `run_id` where the cell shares the
            run of an earlier one that ends with the same bits.
        variant: "" if the grid has no variants.
        point: path of an axis -> value as written.
        seed: the run's seed.
        spec: the run itself.
        dropped: axes left out because the run's parts have no such setting.
        matched: how its budget was matched to the base's, None unless the grid asks for it.
    """

    run_id: str
    own_id: str
    variant: str
    point: Mapping[str, Any]
    seed: int
    spec: RunSpec
    dropped: tuple[str, ...] = ()
    matched: Matched | None = None


@dataclass(frozen=True)
class Expansion:
    """The valid cells of a grid and their runs.

    Attributes:
        runs: one for each cell and seed.
        cells: the cells.
        tuned: for each cell, the paths of the sampler's space that it has.
        checker: makes further runs of the cells.
    """

    runs: tuple[PlannedRun, ...]
    cells: tuple[Checked, ...]
    tuned: tuple[tuple[str, ...], ...]
    checker: Checker


def expand(grid: GridSpec, catalog: Catalog) -> tuple[PlannedRun, ...]:
    """All runs of a grid: variants outermost, then paired, axes in the order written, seeds.

    Two cells may be the same run (an axis over `prism` and `{type: prism}`, or over two activations
    that another setting leaves unused): both are listed, with one run_id. Two variants that are the
    same run wherever both are run are an error: one of them changes nothing. So is a path that
    changes nothing in any cell. An axis is left out of the cells in which nothing reads what it
    sets, and such a cell is listed once, as is one that two grids of a union have. Of a grid with a
    sampler these are the runs before anything is tuned.

    Raises:
        SpecError: with every problem of every cell, each once.
    """
    return expanded(grid, catalog).runs


def expanded(grid: GridSpec, catalog: Catalog) -> Expansion:
    """The runs of a grid with their cells.

    Raises:
        SpecError: as `expand`.
    """
    cells, problems = cells_of(grid)
    checker = Checker(grid, catalog)
    built = AsBuilt(at_most=MOST_MODELS if len(cells) <= MOST_CELLS else 0)
    checked = [with_unread(grid.document, each) for each in _without_idle_axes(cells, checker)]
    tried: list[list[Checked]] = []  # of a grid with a sampler, at the ends of its ranges
    if len(cells) <= MOST_CELLS:
        tried = [checked] if grid.sampler is None else corners(grid, checked, checker)
        everywhere = [each for corner in tried for each in corner]
        moot = [*moot_changes(everywhere, checker, built, beside=OWNER)]
        problems += moot
        if tried and not moot:
            idle = [moot_axes(corner, built) for corner in tried]
            checked = _once(checked, list(map(_shared, zip(*idle, strict=True))), checker)
    probe = probed(grid, checked, checker, built)
    if grid.match is not None:
        checked = Matcher(grid, grid.match, checker).matched(checked)
    findings = _Findings([each.cell for each in checked])
    for each in checked:
        findings.add(each.cell, (problem for _, problem in each.problems))
    of_cells = {problem for each in checked for _, problem in each.problems}
    for each in probe.checked:
        own = (problem for _, problem in each.problems if problem not in of_cells)
        findings.add(replace(each.cell, point=_without_space(grid, each.cell)), own)
    problems += [trap.problem for trap in grid.document.traps] + probe.problems
    problems += findings.problems() + _repeated_seeds(grid)
    runs = _runs(grid, checked, built)
    if not problems:
        problems = _same_runs(grid, runs)
        if problems and grid.sampler is not None:
            at_ends = [_same_runs(grid, _runs(grid, corner, built)) for corner in tried]
            problems = [each for each in problems if all(each in same for same in at_ends)]
    if problems:
        raise SpecError(in_order(problems))
    return Expansion(runs, tuple(checked), tuple(probe.paths), checker)


def _without_space(grid: GridSpec, cell: Cell) -> dict[str, Any]:
    """The point of a probed cell without the values that the sampler chooses."""
    space = grid.document.data["sampler"]["space"]
    return {path: value for path, value in cell.point.items() if path not in space}


def _without_idle_axes(cells: Sequence[Cell], checker: Checker) -> list[Checked]:
    """Each distinct cell, checked, without the axes that have no effect in it."""
    first = [checker.check(cell) for cell in cells]
    return _once(first, idle_axes(checker.grid, first), checker)


def _shared(axes: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The axes that all of them have."""
    return tuple(axis for axis in axes[0] if all(axis in others for others in axes))


def _once(
    cells: Sequence[Checked], without: Sequence[tuple[str, ...]], checker: Checker
) -> list[Checked]:
    """Each cell without the given axes; cells that become equal are listed once."""
    checked: dict[tuple[str, str], Checked] = {}
    for each, idle in zip(cells, without, strict=True):
        cell = each.cell.without(idle) if idle else each.cell
        place = (cell.variant, f"{id(cell.block)} {_place(cell.point)}")
        if place not in checked:
            checked[place] = checker.check(cell) if idle else each
    return list(checked.values())


class _Findings:
    """The problems of all cells, each once, with the cells that have it unless all do."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._factors = _values(cells)
        self._labels = Labels([cell.point for cell in cells])
        self._cells: dict[Problem, list[Cell]] = {}

    def add(self, cell: Cell, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self._cells.setdefault(problem, []).append(cell)

    def problems(self) -> list[Problem]:
        return [self._placed(problem, cells) for problem, cells in self._cells.items()]

    def _placed(self, problem: Problem, cells: Sequence[Cell]) -> Problem:
        """The problem, with the variants and values it needs to happen."""
        needed = [
            self._named(factor, list(values.values()))
            for factor, values in _values(cells).items()
            if len(values) < len(self._factors[factor])
        ]
        if not needed:
            return problem
        return replace(problem, what=f"{problem.what} (in {', '.join(needed)})")

    def _named(self, factor: str, values: Sequence[Any]) -> str:
        if factor == VARIANT:
            return "variant " + " or ".join(f"'{value}'" for value in values)
        return f"{factor}={' or '.join(self._label(factor, value) for value in values)}"

    def _label(self, factor: str, value: Any) -> str:
        try:
            return self._labels.value(factor, value)
        except KeyError:  # of a sampler's space
            return value_label(value)


VARIANT = ""


def _values(cells: Sequence[Cell]) -> dict[str, dict[str, Any]]:
    """Variant and each axis -> its distinct values in these cells, by their keys."""
    values: dict[str, dict[str, Any]] = {}
    for cell in cells:
        if cell.variant:
            values.setdefault(VARIANT, {})[cell.variant] = cell.variant
        for path, value in cell.point.items():
            values.setdefault(path, {})[value_key(value)] = value
    return values


def _runs(grid: GridSpec, checked: Iterable[Checked], built: AsBuilt) -> tuple[PlannedRun, ...]:
    runs: dict[tuple[str, str, int], PlannedRun] = {}
    first: dict[str, RunSpec] = {}  # of those that are equal in all that is read
    for each in checked:
        cell, spec = each.cell, each.spec
        if spec is None:
            continue
        for seed in dict.fromkeys(grid.seed_list(spec.seed, cell.block)):
            seeded = spec.model_copy(update={"seed": seed})
            shared = first.setdefault(built.effective_id(seeded), seeded)
            run = PlannedRun(
                run_id=shared.run_id,
                own_id=seeded.run_id,
                variant=cell.variant,
                point=cell.point,
                seed=seed,
                spec=shared,
                dropped=cell.dropped,
                matched=each.matched,
            )
            runs.setdefault((cell.variant, _place(cell.point), seed), run)
    return tuple(runs.values())


def _place(point: Mapping[str, Any]) -> str:
    """The point as text, whatever the order of its axes."""
    return repr(sorted(point.items(), key=lambda item: item[0]))


def _repeated_seeds(grid: GridSpec) -> list[Problem]:
    marks = grid.document.marks
    places: dict[Location, BlockSpec] = {(): grid, **dict(grid.blocks())}
    return [
        Problem(
            str(marks.value((*at, "seeds", index))),
            ".".join(map(str, (*at, "seeds", index))),
            f"seed {seed} is listed twice",
        )
        for at, block in places.items()
        if isinstance(block.seeds, tuple)
        for index, seed in enumerate(block.seeds)
        if seed in block.seeds[:index]
    ]


def _same_runs(grid: GridSpec, runs: Iterable[PlannedRun]) -> list[Problem]:
    """Variants that are the same run wherever both are run, each reported once."""
    ids: dict[str, dict[tuple[str, int], str]] = {}
    for run in runs:
        ids.setdefault(run.variant, {})[_place(run.point), run.seed] = run.run_id
    ids.pop("", None)
    problems = []
    for one, other in itertools.combinations(ids, 2):
        shared = ids[one].keys() & ids[other].keys()
        if shared and all(ids[one][place] == ids[other][place] for place in shared):
            at = variant_location(grid.document, other)
            problems.append(
                Problem(
                    str(grid.document.marks.key(at)),
                    ".".join(map(str, at)),
                    f"the same run as variant '{one}'",
                    "a variant changes something; remove one of the two",
                )
            )
    return problems
