"""Group failed runs by how they failed."""

from __future__ import annotations

from collections.abc import Iterable

from seqzoo.grid.plan.failure import kind_of_failure
from seqzoo.report.collect.results import Result

__all__ = ["failed_alike"]


def failed_alike(labelled: Iterable[tuple[Result, str]]) -> list[tuple[Result, list[str]]]:
    """Group failed runs: for each kind of failure, the first run and the labels of all.

    Args:
        labelled: failed runs with their labels.
    """
    alike: dict[str, tuple[Result, list[str]]] = {}
    for result, label in labelled:
        kind = kind_of_failure(result.error or "", result.run_id)
        alike.setdefault(kind, (result, []))[1].append(label)
    return list(alike.values())
