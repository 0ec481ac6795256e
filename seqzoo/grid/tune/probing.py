"""Check a sampler's space before anything runs: the ends of its ranges, in every cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import product
from math import prod
from typing import cast

from seqzoo.errors import Problem
from seqzoo.grid.expand.as_built import AsBuilt
from seqzoo.grid.expand.changes import Choice, choices_at
from seqzoo.grid.expand.checking import Checked, Checker
from seqzoo.grid.expand.combinations import Cell
from seqzoo.grid.expand.idle_axes import idle_axes, with_unread
from seqzoo.grid.expand.moot import moot_problem
from seqzoo.grid.tune.samplers import Sampler
from seqzoo.grid.tune.space import Space, probes
from seqzoo.spec.grid import GridSpec

__all__ = ["OWNER", "Probed", "corners", "probed"]

AT = ("sampler", "space")
OWNER = "the sampler's space"
MOST_CORNERS = 32


@dataclass(frozen=True)
class Probed:
    """The result of checking a space.

    Attributes:
        paths: for each cell, the paths that it has; others lead into a part that it lacks.
        problems: problems of the space itself.
        checked: each cell at each end of each range, with its problems.
    """

    paths: list[tuple[str, ...]]
    problems: list[Problem]
    checked: list[Checked]


def probed(grid: GridSpec, cells: Sequence[Checked], checker: Checker, built: AsBuilt) -> Probed:
    """The space checked in every valid cell. Empty for a grid without a sampler."""
    if grid.sampler is None:
        return Probed([() for _ in cells], [], [])
    space: Space = cast("Sampler.Spec", grid.sampler).space
    problems: list[Problem] = []
    choices = {
        path: choices_at(
            grid.document, path, [(*AT, path, *end) for end in probes(each)], OWNER, problems
        )
        for path, each in space.items()
    }
    if not problems:
        problems = [
            *_no_target(grid, cells),
            *_matched_sizes(grid, space),
            *_two_owners(grid, cells, choices),
            *_below_nothing(grid, choices),
        ]
    if problems:
        return Probed([() for _ in cells], list(dict.fromkeys(problems)), [])
    tries = [
        (place, path, checker.check(_at(each.cell, choice)))
        for place, each in enumerate(cells)
        if each.spec is not None
        for path, own in choices.items()
        for choice in own
    ]
    idle = idle_axes(grid.document, [each for _, _, each in tries])
    is_idle = {(place, path) for (place, path, _), axes in zip(tries, idle, strict=True) if axes}
    moot = {
        (place, path)
        for place, each in enumerate(cells)
        for path in choices
        if each.spec is not None
        and (place, path) not in is_idle
        and _is_moot(each.cell, path, choices, checker, built)
    }
    never = [
        path
        for path in choices
        if all((place, path) in is_idle | moot for place in range(len(cells)))
        and any((place, path) in moot for place in range(len(cells)))
    ]
    problems += [moot_problem(grid.document, choices[path][0].changes[0]) for path in never]
    is_idle |= moot
    return Probed(
        paths=[
            tuple(path for path in space if (place, path) not in is_idle)
            for place in range(len(cells))
        ],
        problems=problems,
        checked=[
            _at_its_key(grid, path, with_unread(grid.document, each))
            for place, path, each in tries
            if (place, path) not in is_idle
        ],
    )


def corners(grid: GridSpec, cells: Sequence[Checked], checker: Checker) -> list[list[Checked]]:
    """All cells at each combination of the ends of a sampler's ranges.

    Empty if there are too many combinations, or if the space is malformed.
    """
    space: Space = cast("Sampler.Spec", grid.sampler).space
    problems: list[Problem] = []
    choices = [
        choices_at(
            grid.document, path, [(*AT, path, *end) for end in probes(each)], OWNER, problems
        )
        for path, each in space.items()
    ]
    if problems or prod(map(len, choices)) > MOST_CORNERS:
        return []
    return [
        [checker.check(reduce(_at, corner, each.cell)) for each in cells]
        for corner in product(*choices)
    ]


def _is_moot(
    cell: Cell,
    path: str,
    choices: Mapping[str, list[Choice]],
    checker: Checker,
    built: AsBuilt,
) -> bool:
    """Whether both ends of a path give the same run, wherever the other paths are."""
    others = [choice for other, own in choices.items() if other != path for choice in own]
    for around in [cell, *(_at(cell, choice) for choice in others)]:
        specs = [checker.check(_at(around, choice)).spec for choice in choices[path]]
        known = [spec for spec in specs if spec is not None]
        if len(known) < len(specs) or all(spec == known[0] for spec in known):
            return False
        if len({built.effective_id(spec) for spec in known}) > 1:
            return False
    return True


def _at_its_key(grid: GridSpec, path: str, checked: Checked) -> Checked:
    """Report a path that leads nowhere once, where it is written, not at each end."""
    where = str(grid.document.marks.key((*AT, path)))
    problems = [
        (at, replace(problem, where=where) if _is_of_the_path(problem) else problem)
        for at, problem in checked.problems
    ]
    return replace(checked, problems=problems)


def _is_of_the_path(problem: Problem) -> bool:
    """Whether the path itself is wrong, whatever its value."""
    return "unknown key" in problem.what or problem.what.startswith("changes nothing")


def _at(cell: Cell, choice: Choice) -> Cell:
    changes = sorted((*cell.changes, *choice.changes), key=lambda change: len(change.path))
    return replace(cell, point={**cell.point, **choice.point}, changes=tuple(changes))


def _no_target(grid: GridSpec, cells: Sequence[Checked]) -> list[Problem]:
    """Refuse `until_target` where a run has no target."""
    until_target = cast("Sampler.Spec", grid.sampler).until_target
    stops = [each.spec.train.stop for each in cells if each.spec is not None]
    if not until_target or all(stop is not None and stop.target is not None for stop in stops):
        return []
    return [
        Problem(
            str(grid.document.marks.key(("sampler", "until_target"))),
            "sampler.until_target",
            "it ends a cell's trials at the target of train.stop, and a run here has none",
            "write train.stop: {target: ...}, or leave out until_target",
        )
    ]


def _matched_sizes(grid: GridSpec, space: Space) -> list[Problem]:
    """Refuse matching where a sampler changes the model: the budget would change with it."""
    if grid.match is None:
        return []
    return [
        Problem(
            str(grid.document.marks.key((*AT, path))),
            ".".join((*AT, path)),
            "the sampler changes the model, and 'match' adjusts it to a budget",
            "make it an axis, or leave out 'match'",
        )
        for path in space
        if path.split(".")[0] == "model"
    ]


def _two_owners(
    grid: GridSpec, cells: Sequence[Checked], choices: dict[str, list[Choice]]
) -> list[Problem]:
    marks = grid.document.marks
    tuned = {
        change.path: path
        for path, own in choices.items()
        for each in own
        for change in each.changes
    }
    return [
        Problem(
            str(marks.key((*AT, tuned[change.path]))),
            ".".join((*AT, tuned[change.path])),
            f"set by {OWNER}, and by {change.owner} at {marks.key(change.written)}",
            "set it in one of the two",
        )
        for each in cells
        for change in each.cell.changes
        if change.path in tuned
    ]


def _below_nothing(grid: GridSpec, choices: dict[str, list[Choice]]) -> list[Problem]:
    """Refuse a path that leads into what another path of the space may set to null."""
    document = grid.document
    nothings = {
        change.path
        for own in choices.values()
        for each in own
        for change in each.changes
        if document.value(change.written) is None
    }
    return [
        Problem(
            str(document.marks.key((*AT, path))),
            ".".join((*AT, path)),
            f"leads into {'.'.join(map(str, change.path[:length]))}, for which the space has null",
            "make that path an axis, or leave out the null",
        )
        for path, own in choices.items()
        for each in own
        for change in each.changes
        for length in range(1, len(change.path))
        if change.path[:length] in nothings
    ]
