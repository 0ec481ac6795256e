"""A report: cells, tables and notes, ready for any format."""

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
from seqzoo.report.tables.identical import identical_notes
from seqzoo.report.tables.table import Table, make_tables
from seqzoo.report.tables.variants import VariantChanges, variant_changes

__all__ = ["Report", "make_report"]


@dataclass(frozen=True)
class Report:
    """The content of a report.

    Attributes:
        collection: the runs.
        cells: their cells.
        layout: the rows and columns asked for; None to choose what fits.
        statistics: whether to compare variants over all points; None to do so if it is informative.
    """

    collection: Collection
    cells: tuple[Cell, ...]
    layout: Layout | None = None
    statistics: bool | None = None

    def tables(self, width: int) -> list[Table]:
        """The tables, in at most `width` characters if possible.

        The cells come first, then the comparison over all points, then matched and tuned values.
        """
        return [
            *make_tables(self.collection, self.cells, width, self.layout),
            *(comparison_tables(self.overall) if self.shows_statistics else []),
            *adjusted_tables(self.collection, self.cells),
        ]

    @property
    def shows_statistics(self) -> bool:
        """Whether to show the comparison over all points: on request, or if p can be below 5 %."""
        if self.statistics is not None:
            return self.statistics
        pairs = [each.pairs for overall in self.overall for each in overall.standings]
        return any(least_p(n) <= LEVEL for n in pairs)

    @cached_property
    def overall(self) -> list[Overall]:
        """The comparison of variants over all points, one per measure."""
        return compare_overall(self.collection, self.cells)

    @cached_property
    def variants(self) -> list[VariantChanges]:
        """The base and the other variants with their changes."""
        return variant_changes(self.collection, self.cells)

    @cached_property
    def heading(self) -> str:
        """One line: name, finished runs, seeds, directories."""
        return captions.heading(self.collection)

    def notes(self, tables: Sequence[Table], best: str = "*") -> list[str]:
        """Notes that explain these tables; `best` is the mark of the best in a column."""
        return [
            *captions.notes(self.collection, self.cells, tables, best),
            *identical_notes(self.collection),
            *(comparison_notes(self.overall) if self.shows_statistics else []),
        ]

    @cached_property
    def machines(self) -> list[str]:
        """The machines and versions that the runs used."""
        return captions.machines(self.collection)

    @cached_property
    def backends(self) -> list[str]:
        """The scan backends that computed the runs, with warnings for slow ones."""
        return backend_lines(self.collection)

    @cached_property
    def failures(self) -> list[str]:
        """The failures, one line per kind."""
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
    """Make the report of a grid's or a run's directory.

    Args:
        directory: the --out of a grid or a run.
        metric: any metric of the records; None for each task's own.
        others: more directories, to compare with the first.
        rows: the factors of the rows: `variant`, axes by path or last word.
        columns: the factors of the columns; if only rows are given, all others.
        statistics: whether to compare variants over all points; None to do so if it is informative.

    Raises:
        RunError: the directory holds no grid and no run, or a malformed one.
        SpecError: a metric or factor does not exist, or a directory is given twice.
    """
    collection = collect(directory)
    if others:
        collection = compare([collection, *map(collect, others)])
    layout = make_layout(collection.axes, rows, columns)
    return Report(collection, tuple(make_cells(collection, metric)), layout, statistics)
