"""The text around the tables: completeness, how to read them, failures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from seqzoo.errors import and_others, counted
from seqzoo.grid import failure_path
from seqzoo.grid.matched import WORDS
from seqzoo.report.collect.failures import failed_alike
from seqzoo.report.collect.results import Collection
from seqzoo.report.statistics.over_seeds import Cell
from seqzoo.report.tables.table import Table
from seqzoo.report.tables.wording import is_busy

__all__ = ["failures", "heading", "machines", "notes"]


def heading(collection: Collection) -> str:
    """One line: name, finished runs, seeds, directories."""
    states = [result.state for result in collection.runs]
    lacks = [f"{states.count(state)} {state}" for state in ("failed", "missing") if state in states]
    seeds = len({result.seed for result in collection.results})
    parts = [
        f"{states.count('done')} of {counted(len(states), 'run')} done"
        + (f" ({', '.join(lacks)})" if lacks else ""),
        *([counted(len(collection.trials), "trial")] if collection.trials else []),
        counted(seeds, "seed"),
        f"from {', '.join(map(str, collection.directories))}",
    ]
    return f"{collection.name}: " + ", ".join(parts)


def notes(
    collection: Collection, cells: Sequence[Cell], tables: Sequence[Table], best: str
) -> list[str]:
    """Explain what occurs in the tables, one sentence each.

    Args:
        collection: the runs.
        cells: their cells.
        tables: the tables as drawn.
        best: the mark of the best in a column.
    """
    said = []
    if any(cell.summary and cell.summary.sd is not None for cell in cells):
        said.append("mean ± sample standard deviation over seeds")
    if any(entry.best for table in tables for row in table.rows for entry in row):
        said.append(f"{best} best of its column")
    if any(cell.difference for cell in cells):
        interval = any(cell.difference and cell.difference.summary.n > 1 for cell in cells)
        said.append(
            f"vs base: mean difference to {collection.base}, paired by seed"
            + (", [bootstrap 95 % interval] where there is room" if interval else "")
        )
    if any(cell.target is not None for cell in cells):
        said.append(
            "steps to a target: mean over the seeds that met it, which then stopped; the metric is "
            "that of the last evaluation; steps are compared, or metrics if no run met the target"
        )
    if any(cell.difference and cell.difference.sign for cell in cells):
        said.append(
            "≥, ≤, ~: some seeds never met the target and count with their last step, so the true "
            "difference is larger, smaller, or unknown"
        )
    if any(is_busy(cell) for cell in cells):
        said.append(
            "tok/s ~: the machine was busy: other processes took cores that a run could have used, "
            "or seeds differ in speed by over a fifth"
        )
    if any(cell.at for cell in cells):
        said.append("a variant without an axis is compared with the base at each of its values")
    shared = len(collection.results) - len(collection.runs)
    if shared:
        said.append(f"cells share {counted(shared, 'run')}, done once")
    said += [*_matching(cells), *_tuning(collection, cells)]
    if any(cell.failed for cell in cells):
        said.append("failed: not part of any mean")
    if any(cell.missing for cell in cells):
        said.append("missing: not done yet")
    return said


def _matching(cells: Sequence[Cell]) -> Iterator[str]:
    for by in dict.fromkeys(cell.matched.by for cell in cells if cell.matched):
        yield f"matched: one size of each variant was adjusted to match the base's {WORDS[by]}"


def _tuning(collection: Collection, cells: Sequence[Cell]) -> Iterator[str]:
    """The metric and seeds of the tuning, and whether the comparison shares a seed with it."""
    chosen = [cell.chosen for cell in cells if cell.chosen is not None]
    if not chosen:
        return
    metrics = " or ".join(dict.fromkeys(each.metric for each in chosen))
    counts = sorted({each.trials for each in chosen})
    seeds = dict.fromkeys(each.seed for each in chosen)
    seen = [str(seed) for seed in seeds if any(seed == r.seed for r in collection.results)]
    yield (
        f"tuned: each row has the values of the best of its {_span(counts)}, by {metrics} at the "
        "last evaluation, "
        + (
            f"and that trial is its run of seed {' or '.join(seen)}, which flatters it"
            if seen
            else f"with seed {' or '.join(map(str, seeds))}, which is not compared"
        )
    )


def _span(counts: Sequence[int]) -> str:
    low, high = counts[0], counts[-1]
    return counted(low, "trial") if low == high else f"{low} to {high} trials"


def machines(collection: Collection) -> list[str]:
    """The machines and versions that the runs used, each once."""
    said = {}
    for result in collection.results:
        if result.record is not None:
            device, versions = result.record.device, result.record.versions
            threads = f"{counted(device.threads, 'thread')} a run"
            said[f"{device.name}, {threads}, torch {versions.torch}, seqzoo {versions.seqzoo}"] = (
                None
            )
    return list(said)


def failures(collection: Collection) -> list[str]:
    """One line per kind of failure: the runs, the error, and the file of the traceback, if any."""
    failed = (
        (result, collection.labels.run(result.variant, result.point, result.seed))
        for result in collection.results
        if result.state == "failed"
    )
    return [
        f"{and_others(labels)}: {first.error}{_traceback(first.directory)}"
        for first, labels in failed_alike(failed)
    ]


def _traceback(directory: Path) -> str:
    path = failure_path(directory)
    return f" ({path})" if path.exists() else ""
