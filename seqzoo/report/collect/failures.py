"""Failed runs by the way in which they failed."""

from __future__ import annotations

from collections.abc import Iterable

from seqzoo.grid.plan.failure import kind_of_failure
from seqzoo.report.collect.results import Result

__all__ = ["failed_alike"]


def failed_alike(labelled: Iterable[tuple[Result, str]]) -> list[tuple[Result, list[str]]]:
    """For each way to fail the first run that did so, and the labels of all that did.

    Args:
        labelled: failed runs, each with what it is called.
    """
    alike: dict[str, tuple[Result, list[str]]] = {}
    for result, label in labelled:
        kind = kind_of_failure(result.error or "", result.run_id)
        alike.setdefault(kind, (result, []))[1].append(label)
    return list(alike.values())
