"""A report: the cells of a directory, ready for any format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from seqzoo.report.collect.comparing import compare
from seqzoo.report.collect.directory import collect
from seqzoo.report.collect.garbage import collector_at_rest
from seqzoo.report.collect.results import Collection
from seqzoo.report.statistics.over_seeds import Cell, make_cells
from seqzoo.report.statistics.overall import Overall, compare_overall
from seqzoo.report.statistics.significance import LEVEL, least_p
from seqzoo.report.tables import captions
from seqzoo.report.tables.adjusted import adjusted_tables
from seqzoo.report.tables.arrangement import Layout, make_layout
from seqzoo.report.tables.backends import backend_lines
from seqzoo.report.tables.comparison import comparison_notes, comparison_tables
from seqzoo.report.tables.table import Table, make_tables
from seqzoo.report.tables.variants import VariantChanges, variant_changes

__all__ = ["Report", "make_report"]


@dataclass(frozen=True)
class Report:
    """What a format draws.

    Attributes:
        collection: the runs.
        cells: theirs.
        layout: rows and columns that were asked for; None for those that fit.
        statistics: whether variants are compared over all points; None where this can tell much.
    """

    collection: Collection
    cells: tuple[Cell, ...]
    layout: Layout | None = None
    statistics: bool | None = None

    def tables(self, width: int) -> list[Table]:
        """The cells as tables that fit in so many characters where they can.

        After them the variants over all points, and what the grid set to make them comparable.
        """
        return [
            *make_tables(self.collection, self.cells, width, self.layout),
            *(comparison_tables(self.overall) if self.shows_statistics else []),
            *adjusted_tables(self.collection, self.cells),
        ]

    @property
    def shows_statistics(self) -> bool:
        """Whether variants are compared over all points: asked for, or p can fall below 5 %."""
        if self.statistics is not None:
            return self.statistics
        pairs = [each.pairs for overall in self.overall for each in overall.standings]
        return any(least_p(n) <= LEVEL for n in pairs)

    @cached_property
    def overall(self) -> list[Overall]:
        """Variants compared over all points, one comparison a measure."""
        return compare_overall(self.collection, self.cells)

    @cached_property
    def variants(self) -> list[VariantChanges]:
        """The base and the other variants, each with what it changes."""
        return variant_changes(self.collection, self.cells)

    @cached_property
    def heading(self) -> str:
        """Name, completeness, seeds, origin."""
        return captions.heading(self.collection)

    def notes(self, tables: Sequence[Table], best: str = "*") -> list[str]:
        """How to read these tables, which mark the best of a column with `best`."""
        return [
            *captions.notes(self.collection, self.cells, tables, best),
            *(comparison_notes(self.overall) if self.shows_statistics else []),
        ]

    @cached_property
    def machines(self) -> list[str]:
        """What the runs were done on."""
        return captions.machines(self.collection)

    @cached_property
    def backends(self) -> list[str]:
        """What computed the scans, with a warning where a slower backend than expected did."""
        return backend_lines(self.collection)

    @cached_property
    def failures(self) -> list[str]:
        """What made runs fail, runs that failed alike in one line."""
        return captions.failures(self.collection)


@collector_at_rest()
def make_report(
    directory: Path,
    metric: str | None = None,
    *,
    others: Sequence[Path] = (),
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    statistics: bool | None = None,
) -> Report:
    """Read a grid's or a run's directory.

    Args:
        directory: where it lies.
        metric: any metric of the records; None for each task's own.
        others: more directories, compared with the first.
        rows: what makes the rows of its tables: `variant`, axes by path or by their last word.
        columns: what makes the columns; all the rest if only rows are given.
        statistics: whether to compare variants over all points; None to do so where it tells much.

    Raises:
        RunError: there is no grid and no run, or it is malformed.
        SpecError: no record has this metric, the grid has no such axis, or a directory is compared
            with itself.
    """
    collection = collect(directory)
    if others:
        collection = compare([collection, *map(collect, others)])
    layout = make_layout(collection.axes, rows, columns)
    return Report(collection, tuple(make_cells(collection, metric)), layout, statistics)
