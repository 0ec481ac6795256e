"""The place of a run or a cell in a grid: its variant, and its value on each axis."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from seqzoo.grid.distinct_labels import Labels

__all__ = ["VARIANT", "is_task", "key_of", "label_of", "part_of"]

VARIANT = "variant"


def is_task(axis: str) -> bool:
    """Whether an axis varies the task."""
    return axis.split(".")[0] == "task"


def part_of(variant: str, point: Mapping[str, Any], factors: Sequence[str]) -> dict[str, Any]:
    """The values that a variant at a point has on these factors; missing ones are left out."""
    own = {VARIANT: variant} if variant else {}
    place = {**own, **point}
    return {factor: place[factor] for factor in factors if factor in place}


def key_of(place: Mapping[str, Any]) -> str:
    """The identity of a place: equal if and only if the resolved values are equal."""
    return json.dumps(place, sort_keys=True)


def label_of(place: Mapping[str, Any], labels: Labels) -> str:
    """A place in words; a variant is shown by its name alone."""
    rest = {path: value for path, value in place.items() if path != VARIANT}
    return " ".join(word for word in (place.get(VARIANT, ""), labels.point(rest)) if word)
