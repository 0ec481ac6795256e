"""Where a run or a cell stands in a grid: its variant, and a value on each axis."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from seqzoo.grid.distinct_labels import Labels

__all__ = ["VARIANT", "is_task", "key_of", "label_of", "part_of"]

VARIANT = "variant"


def is_task(axis: str) -> bool:
    """Whether an axis changes the task."""
    return axis.split(".")[0] == "task"


def part_of(variant: str, point: Mapping[str, Any], factors: Sequence[str]) -> dict[str, Any]:
    """Factor -> value, for those of the factors that a variant at a point has a value on."""
    own = {VARIANT: variant} if variant else {}
    place = {**own, **point}
    return {factor: place[factor] for factor in factors if factor in place}


def key_of(place: Mapping[str, Any]) -> str:
    """The identity of a place: equal for equal resolved values alone."""
    return json.dumps(place, sort_keys=True)


def label_of(place: Mapping[str, Any], labels: Labels) -> str:
    """A place in words; a variant is called by its name alone."""
    rest = {path: value for path, value in place.items() if path != VARIANT}
    return " ".join(word for word in (place.get(VARIANT, ""), labels.point(rest)) if word)
