"""The cells of a grid: the combinations of deltas, their order, and what is excluded."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqzoo.errors import Problem
from seqzoo.escape import visible
from seqzoo.grid.expand.changes import Change, Choice, factors_of
from seqzoo.grid.expand.excluding import without_excluded
from seqzoo.grid.expand.size import MOST_RUNS, size_of, too_many_runs
from seqzoo.spec.document import Document
from seqzoo.spec.grid import BlockSpec, GridSpec
from seqzoo.spec.marks import Location

__all__ = ["Cell", "cells_of", "variant_location"]


@dataclass(frozen=True)
class Cell:
    """One combination: a variant and a value of every axis.

    Attributes:
        variant: "" if its grid has none.
        point: path of an axis -> value as written.
        changes: parents before what is inside them, whatever order they are written in.
        block: the grid of the union that it belongs to, or the grid itself.
        dropped: axes left out because this cell has no part with such a setting.
    """

    variant: str
    point: Mapping[str, Any]
    changes: tuple[Change, ...]
    block: BlockSpec
    dropped: tuple[str, ...] = ()

    def without(self, axes: Sequence[str]) -> Cell:
        """The cell that these axes do not change."""
        return Cell(
            variant=self.variant,
            point={path: value for path, value in self.point.items() if path not in axes},
            changes=tuple(change for change in self.changes if change.axis not in axes),
            block=self.block,
            dropped=tuple(path for path in self.point if path in axes),
        )


def cells_of(grid: GridSpec) -> tuple[list[Cell], list[Problem]]:
    """Every cell that is not excluded, variants outermost, and the problems of the deltas."""
    document = grid.document
    problems = list(_clashing_variants(document))
    cells: list[Cell] = []
    num_runs = 0
    own: list[tuple[Location, range]] = []
    for at, block in grid.blocks():
        first = len(cells)
        variants, axes = factors_of(document, [(), at] if at else [()], problems)
        size = size_of(grid, block, variants, axes)
        num_runs += size.runs
        if num_runs > MOST_RUNS:
            too_many = too_many_runs(grid, at, size, num_runs)
            return [], [*dict.fromkeys(problems), too_many]
        for name, changes in variants.items():
            cells.extend(_product(name, changes, axes, block))
        if at:
            own.append((at, range(first, len(cells))))
    scopes = [((), range(len(cells))), *own]
    return without_excluded(document, cells, scopes, problems), list(dict.fromkeys(problems))


def _product(
    variant: str, changes: tuple[Change, ...], axes: list[list[Choice]], block: BlockSpec
) -> Iterator[Cell]:
    for choices in itertools.product(*axes):
        every = itertools.chain(changes, *(choice.changes for choice in choices))
        point = {path: value for choice in choices for path, value in choice.point.items()}
        yield Cell(variant, point, tuple(sorted(every, key=lambda each: len(each.path))), block)


def variant_location(document: Document, name: str) -> Location:
    """Where a variant is written, in the grid or in the first of its union that has it."""
    return next(at for at in _variants(document) if at[-1] == name)


def _variants(document: Document) -> Iterator[Location]:
    for name in document.data.get("variants") or {}:
        yield "variants", name
    for index, block in enumerate(document.data.get("grids") or []):
        for name in block.get("variants") or {}:
            yield "grids", index, "variants", name


def _clashing_variants(document: Document) -> Iterator[Problem]:
    """Two different variants with the same name."""
    first: dict[Any, Location] = {}
    alike: dict[str, Location] = {}
    for at in _variants(document):
        looks = " ".join(visible(unicodedata.normalize("NFC", str(at[-1]))).split())
        twin = alike.setdefault(looks, at)
        if twin[-1] != at[-1]:
            yield Problem(
                str(document.marks.key(at)),
                ".".join(map(str, at)),
                f"variant {at[-1]!a} looks like {twin[-1]!a} at "
                f"{document.marks.key(twin)}: no table can tell them apart",
                "rename one of the two",
            )
        other = first.setdefault(at[-1], at)
        if document.value(other) != document.value(at):
            yield Problem(
                str(document.marks.key(at)),
                ".".join(map(str, at)),
                f"another variant '{at[-1]}' is written at {document.marks.key(other)}",
                "rename one of the two, or write the same changes in both",
            )
