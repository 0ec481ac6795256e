"""Put several directories into one report, with the directory as one more axis."""

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
    """Merge collections; each run is compared with its counterpart in the first.

    Counterparts have the same variant, point and seed.

    Raises:
        SpecError: the same directory is given twice.
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
    """All runs, with counterparts side by side in the order of the directories."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for collection, label in zip(collections, labels, strict=True):
        for result in collection.results:
            groups.setdefault(result.cell, []).append(_named(result, label))
    return tuple(result for group in groups.values() for result in group)


def _labels(paths: Sequence[Path]) -> list[str]:
    """The last part of each path, with as many parent folders as it takes to tell them apart."""
    parts = [path.resolve().parts for path in paths]
    depth = 1
    while len({part[-depth:] for part in parts}) < len(parts):
        depth += 1
    return ["/".join(part[-depth:]) for part in parts]
