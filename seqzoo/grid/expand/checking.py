"""A cell's run: the base with the cell's changes, validated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqzoo.errors import Problem, SpecError
from seqzoo.grid.expand.changes import leaves
from seqzoo.grid.expand.combinations import Cell
from seqzoo.grid.matched import Matched
from seqzoo.spec import Catalog
from seqzoo.spec.document import Document
from seqzoo.spec.grid import GridSpec
from seqzoo.spec.marks import Location
from seqzoo.spec.run import RunSpec
from seqzoo.spec.slot import Memo

__all__ = ["Checked", "Checker"]


@dataclass(frozen=True)
class Checked:
    """A cell with its run's spec (None if it is invalid) and its problems, by location.

    Attributes:
        matched: how its budget was matched to the base's, None unless requested.
    """

    cell: Cell
    spec: RunSpec | None
    problems: Sequence[tuple[Location, Problem]]
    matched: Matched | None = None


class Checker:
    """Makes the runs of one grid's cells."""

    def __init__(self, grid: GridSpec, catalog: Catalog) -> None:
        self.grid = grid.document
        self._base = Document.of(None).with_value((), grid.document, ("base",))
        self._catalog = catalog
        self._memo: Memo = {}
        self._traps = {trap.problem for trap in grid.document.traps}  # told once, not a cell each

    def check(self, cell: Cell) -> Checked:
        """The cell's run, or what is wrong with it."""
        document = self._base
        problems: list[tuple[Location, Problem]] = []
        for change in cell.changes:
            try:
                document = document.with_value(change.path, self.grid, change.written)
            except SpecError as failure:
                problems.extend((change.path[:-1], problem) for problem in failure.problems)
        if problems:
            return Checked(cell, None, problems)
        spec, found = document.check(RunSpec, self._catalog, self._memo)
        return Checked(
            cell,
            spec,
            [
                (location, _with_cause(location, problem, cell, self.grid))
                for location, problem in found
                if problem not in self._traps
            ],
        )

    def run_with(self, cell: Cell, values: Mapping[Location, Any]) -> RunSpec | None:
        """The run of a cell that has one, with values at paths; None if they do not go there.

        Parents are laid before what is inside them, as a cell's changes are.
        """
        document = self._base
        for change in cell.changes:
            document = document.with_value(change.path, self.grid, change.written)
        try:
            for path, value in sorted(values.items(), key=lambda item: len(item[0])):
                source = Document.of(value)
                for inner, written in leaves(path, (), value):
                    document = document.with_value(inner, source, written)
        except SpecError:
            return None
        return document.check(RunSpec, self._catalog)[0]


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
