"""How many runs a grid would have, counted before any is made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seqzoo.errors import Problem
from seqzoo.grid.expand.changes import Choice, Variants
from seqzoo.spec.grid import BlockSpec, GridSpec
from seqzoo.spec.marks import Location

__all__ = ["MOST_RUNS", "Size", "size_of", "too_many_runs"]

MOST_RUNS = 100_000


@dataclass(frozen=True)
class Size:
    """The size of one grid, exclusions not taken off.

    Attributes:
        cells: combinations of variants and axes.
        seeds: of each cell.
        trials: of each cell, 0 if nothing is tuned.
        factors: its factors, in words.
    """

    cells: int
    seeds: int
    trials: int
    factors: tuple[str, ...]

    @property
    def runs(self) -> int:
        """Trials, and a run of each seed of each cell."""
        return self.cells * (self.seeds + self.trials)


def size_of(
    grid: GridSpec, block: BlockSpec, variants: Variants, axes: Sequence[Sequence[Choice]]
) -> Size:
    """The size of a grid, or of one grid of a union.

    Args:
        grid: all of it.
        block: the grid of the union, or the grid itself.
        variants: its variants.
        axes: its axes and pairings.
    """
    written: Any = grid.seeds if block.seeds is None else block.seeds
    seeds = written if isinstance(written, int) else len(written or (0,))
    trials: int = getattr(grid.sampler, "trials", 0)
    factors = [f"{len(variants):,} variants"] if len(variants) > 1 else []
    factors += [
        f"{len(axis):,} values of {' with '.join(axis[0].point)}" for axis in axes if len(axis) > 1
    ]
    factors += [f"{seeds:,} seeds"] if seeds > 1 else []
    factors += [f"{trials:,} trials a cell"] if trials else []
    return Size(len(variants) * math.prod(map(len, axes)), seeds, trials, tuple(factors))


def too_many_runs(grid: GridSpec, at: Location, size: Size, num_runs: int) -> Problem:
    """The problem of a grid that is too large, located at its largest factor.

    Args:
        grid: all of it.
        at: where one grid of a union is written, () for the grid itself.
        size: its size.
        num_runs: of this grid and those of the union before it.
    """
    largest = max((size.cells, "axes"), (size.seeds, "seeds"), (size.trials, "sampler"))[1]
    document = grid.document
    places = [(*at, largest), (largest,), at]
    place = next((place for place in places if _is_written(grid, place)), ())
    return Problem(
        str(document.marks.key(place)),
        ".".join(map(str, place)),
        f"{num_runs:,} runs ({', '.join(size.factors)}), and a grid has at most {MOST_RUNS:,}",
        "take fewer values or seeds, or split it into several grids",
    )


def _is_written(grid: GridSpec, place: Location) -> bool:
    try:
        grid.document.value(place)
    except (KeyError, IndexError, TypeError):
        return False
    return True
