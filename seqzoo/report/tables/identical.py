"""Cells that ended with the same numbers: the setting that distinguishes them made no
difference."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping

from seqzoo.errors import counted
from seqzoo.report.collect.results import Collection, Result

__all__ = ["identical_notes"]

DIGITS = 4  # metrics that are this round may be equal by chance
Numbers = tuple[tuple[str, float], ...]


def identical_notes(collection: Collection) -> list[str]:
    """A sentence for each set of cells that are different runs with the same metrics, all digits.

    Every seed that two cells share has to agree.
    """
    cells: dict[tuple[str, str], dict[int, Result]] = defaultdict(dict)
    for result in collection.results:
        if result.state == "done":
            cells[result.cell][result.seed] = result
    groups: dict[frozenset[tuple[int, Numbers]], list[Result]] = defaultdict(list)
    for results in cells.values():
        numbers = frozenset(
            (seed, (("steps", each.record.steps), *sorted(each.record.metrics.items())))
            for seed, each in results.items()
            if each.record is not None
        )
        if all(_is_telling(dict(each)) for _, each in numbers):
            groups[numbers].append(next(iter(results.values())))
    return [
        f"{' and '.join(_label(collection, each) for each in same)} ended with the same metrics, "
        f"digit for digit, in {counted(len(numbers), 'seed')}: what they differ in changed nothing"
        for numbers, same in groups.items()
        if any(one.run_id != other.run_id for one, other in itertools.pairwise(same))
    ]


def _is_telling(metrics: Mapping[str, float]) -> bool:
    return any(value != round(value, DIGITS) for value in metrics.values())


def _label(collection: Collection, result: Result) -> str:
    words = (result.variant, collection.labels.point(result.point))
    return ", ".join(word for word in words if word) or "the base"
