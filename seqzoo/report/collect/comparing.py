"""Several directories in one report: which of them a run is from becomes an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from seqzoo.errors import SpecError
from seqzoo.report.collect.place import VARIANT
from seqzoo.report.collect.results import Collection, Result

__all__ = ["DIRECTORY", "SERIES", "compare"]

DIRECTORY = "directory"
SERIES = (VARIANT, DIRECTORY)  # what tells series of figures apart, and rows of comparisons


def compare(collections: Sequence[Collection]) -> Collection:
    """One collection of all their runs, each compared with its like in the first.

    Runs are alike that have variant, point and seed in common.

    Raises:
        SpecError: a directory is there twice.
    """
    paths = [collection.directories[0] for collection in collections]
    for path in paths:
        if sum(path.resolve() == other.resolve() for other in paths) > 1:
            raise SpecError(f"{path}: cannot be compared with itself; name each directory once")
    labels = _labels(paths)
    return Collection(
        name=" and ".join(dict.fromkeys(collection.name for collection in collections)),
        directories=tuple(paths),
        base=labels[0],
        axes=(DIRECTORY, *dict.fromkeys(axis for c in collections for axis in c.axes)),
        results=_results(collections, labels),
        against=DIRECTORY,
        trials=tuple(
            _named(trial, label)
            for collection, label in zip(collections, labels, strict=True)
            for trial in collection.trials
        ),
    )


def _named(result: Result, label: str) -> Result:
    return replace(result, point={DIRECTORY: label, **result.point})


def _results(collections: Sequence[Collection], labels: Sequence[str]) -> tuple[Result, ...]:
    """Runs that are alike stand together, in the order in which the directories are named."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for collection, label in zip(collections, labels, strict=True):
        for result in collection.results:
            groups.setdefault(result.cell, []).append(_named(result, label))
    return tuple(result for group in groups.values() for result in group)


def _labels(paths: Sequence[Path]) -> list[str]:
    """Their last names, with as many of the folders above as tell them apart."""
    parts = [path.resolve().parts for path in paths]
    depth = 1
    while len({part[-depth:] for part in parts}) < len(parts):
        depth += 1
    return ["/".join(part[-depth:]) for part in parts]
