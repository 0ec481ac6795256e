"""Fair comparison: adjust one size of each variant until its budget matches the base's.

The base of a cell is the base variant at the same point. Without variants it is the base as
written, with those settings of the point that lie outside the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from seqzoo.errors import Problem, SpecError
from seqzoo.grid.expand.changes import Change
from seqzoo.grid.expand.checking import Checked, Checker
from seqzoo.grid.expand.combinations import Cell
from seqzoo.grid.expand.idle_axes import idle_in
from seqzoo.grid.labels import value_label
from seqzoo.grid.match.costs import CostBook
from seqzoo.grid.match.nearest import nearest_float, nearest_integer
from seqzoo.grid.matched import WORDS, Matched
from seqzoo.spec.delta import split_path
from seqzoo.spec.grid import GridSpec, MatchSpec, base_variant
from seqzoo.spec.marks import Location
from seqzoo.spec.run import RunSpec

__all__ = ["Matcher"]

FIRST_GUESS = 16  # of a size that the spec leaves to the part


@dataclass(frozen=True)
class _Try:
    """The best value found for one size: its path, the value, and the run's cost with it."""

    path: str
    value: float
    before: float | None
    reached: float


class Matcher:
    """Matches the cells of one grid."""

    def __init__(self, grid: GridSpec, match: MatchSpec, checker: Checker) -> None:
        self._match = match
        self._checker = checker
        self._marks = grid.document.marks
        self._costs = CostBook()
        self._base = base_variant(grid.all_variants())
        self._base_changes: tuple[Change, ...] = ()
        self._tries: dict[Any, list[_Try]] = {}

    def matched(self, checked: Sequence[Checked]) -> list[Checked]:
        """The cells with adjusted sizes; a cell that cannot be matched gets a problem."""
        for each in checked:
            if each.cell.variant == self._base:
                self._base_changes = _of_variant(each.cell)
        return [
            each if each.problems or each.spec is None else self._adjusted(each, each.spec)
            for each in checked
        ]

    def _adjusted(self, checked: Checked, spec: RunSpec) -> Checked:
        by = self._match.by
        try:
            base = self._base_of(checked.cell)
            if base is None:
                return self._problem(checked, "the base is not a valid run at this point")
            target, reached = self._costs.count(base, by), self._costs.count(spec, by)
        except (SpecError, ValueError) as failure:
            return self._problem(checked, f"cannot be counted: {failure}")
        if self._is_near(reached, target):
            matched = Matched(by=by, target=target, reached=reached)
            return replace(checked, matched=matched)
        key = (spec.model, spec.task, target, self._free(checked.cell))
        if key not in self._tries:
            self._tries[key] = self._search(checked.cell, spec, target)
        tries = self._tries[key]
        for each in tries:
            if self._is_near(each.reached, target):
                adjusted = self._checker.run_with(checked.cell, {split_path(each.path): each.value})
                matched = Matched(
                    by=by,
                    target=target,
                    reached=each.reached,
                    path=each.path,
                    value=each.value,
                    before=each.before,
                )
                return replace(checked, spec=adjusted, matched=matched)
        return self._problem(checked, *self._out_of_reach(reached, target, tries))

    def _base_of(self, cell: Cell) -> RunSpec | None:
        changes = [change for change in cell.changes if change.factor != "variants"]
        if cell.variant:
            changes += self._base_changes
        else:
            changes = [change for change in changes if change.path[0] != "model"]
        changes.sort(key=lambda change: len(change.path))
        base = self._checker.check(replace(cell, variant=self._base, changes=tuple(changes)))
        idle = idle_in(self._checker.grid, base)
        if idle:
            base = self._checker.check(base.cell.without(idle))
        return base.spec

    def _free(self, cell: Cell) -> tuple[str, ...]:
        """The sizes that the cell itself leaves free."""
        return tuple(
            path
            for path in self._match.adjust
            if not any(_leads_to(change.path, split_path(path)) for change in cell.changes)
        )

    def _search(self, cell: Cell, spec: RunSpec, target: float) -> list[_Try]:
        """Try one size after another; the first that comes near enough ends the search."""
        tries: list[_Try] = []
        for path in self._free(cell):
            location = split_path(path)
            is_there, before = _number(spec.resolved(complete=True), location)
            if not is_there:
                continue
            count = partial(self._count, cell, location)
            if isinstance(before, float):
                value = nearest_float(count, target, before)
            else:
                whole = partial(_count_whole, count)
                value = nearest_integer(whole, target, before or FIRST_GUESS, self._match.within)
            reached = None if value is None else count(value)
            if value is not None and reached is not None:
                tries.append(_Try(path, value, before, reached))
                if self._is_near(reached, target):
                    break
        return tries

    def _count(self, cell: Cell, path: Location, value: float) -> float | None:
        spec = self._checker.run_with(cell, {path: value})
        try:
            return None if spec is None else self._costs.count(spec, self._match.by)
        except (SpecError, ValueError):
            return None

    def _is_near(self, reached: float, target: float) -> bool:
        return abs(reached - target) <= self._match.within * target

    def _out_of_reach(
        self, reached: float, target: float, tries: Sequence[_Try]
    ) -> tuple[str, str]:
        by = WORDS[self._match.by]
        what = f"{reached:,.0f} {by}, and the base has {target:,.0f}"
        if not tries:
            sizes = " or ".join(self._match.adjust)
            return f"{what}; {sizes} cannot be adjusted here", "name a size that it has"
        best = min(tries, key=lambda each: abs(each.reached - target))
        number = value_label(best.value)
        off = f"{best.reached / target - 1:+.1%}"
        nearest = f"the nearest is {best.reached:,.0f} ({off}) at {best.path} {number}"
        return f"{what}; {nearest}", "name another size in 'adjust', or a wider 'within'"

    def _problem(self, checked: Checked, what: str, hint: str = "") -> Checked:
        where = str(self._marks.key(("match",)))
        problem = Problem(where, "match", what, hint)
        return replace(checked, problems=[(("match",), problem)])


def _of_variant(cell: Cell) -> tuple[Change, ...]:
    return tuple(change for change in cell.changes if change.factor == "variants")


def _leads_to(change: Location, size: Location) -> bool:
    """Whether the change sets the size itself, or something inside it."""
    return change[: len(size)] == size


def _number(data: Any, path: Location) -> tuple[bool, float | int | None]:
    """Whether the data have a place for a number at this path, and the number there, if any.

    A preset's option is not in the resolved data, and its place is.
    """
    for step in path:
        if data is None:
            return False, None
        if isinstance(data, dict):
            data = data.get(str(step), {})
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            return False, None
    is_number = isinstance(data, int | float) and not isinstance(data, bool)
    return is_number or data in (None, {}), data if is_number else None


def _count_whole(count: Callable[[float], float | None], value: float) -> float | None:
    return count(int(value))
