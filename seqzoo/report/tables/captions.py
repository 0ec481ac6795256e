"""What is said around the tables: how complete they are, how to read them, what failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    """One line: name, runs done of all, seeds, where from."""
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
    """How to read what the tables hold, one sentence each, only what occurs.

    Args:
        collection: the runs.
        cells: theirs.
        tables: as they are drawn.
        best: how these mark the best of a column, where one is.
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
            "steps to a target: mean over the seeds that met it of the step where they did and "
            "stopped; the metric beside it is that of the last evaluation; steps are compared, "
            "and metrics where no run met the target"
        )
    if any(cell.difference and cell.difference.sign for cell in cells):
        said.append(
            "≥, ≤, ~: some seeds never met the target and count with their last step, so the "
            "difference is at least, at most, or about this"
        )
    if any(is_busy(cell) for cell in cells):
        said.append(
            "tok/s ~: runs of one spec differ by over a fifth, as on a machine that is shared"
        )
    if any(cell.at for cell in cells):
        said.append("cells without an axis stand as a reference at each of its values")
    shared = len(collection.results) - len(collection.runs)
    if shared:
        said.append(f"cells share {counted(shared, 'run')}, done once")
    said += [*_matching(cells), *_tuning(collection, cells)]
    if any(cell.failed for cell in cells):
        said.append("failed: not in any mean")
    if any(cell.missing for cell in cells):
        said.append("missing: not done yet")
    return said


def _matching(cells: Sequence[Cell]) -> Iterator[str]:
    for by in dict.fromkeys(cell.matched.by for cell in cells if cell.matched):
        yield f"matched: a size of each variant was set to meet the base's {WORDS[by]}"


def _tuning(collection: Collection, cells: Sequence[Cell]) -> Iterator[str]:
    """By what, with which seeds, and whether the comparison has seen them."""
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
    """What the runs were done on and with, each kind once."""
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
    """What made runs fail, once each: the first that did, the error in a line, where to read on."""
    failed = (
        (result, collection.labels.run(result.variant, result.point, result.seed))
        for result in collection.results
        if result.state == "failed"
    )
    return [
        f"{and_others(labels)}: {first.error} ({failure_path(first.directory)})"
        for first, labels in failed_alike(failed)
    ]
