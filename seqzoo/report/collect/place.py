"""Where a run or a cell stands in a grid: its variant, and a value on each axis."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from seqzoo.grid.labels import point_label

__all__ = ["VARIANT", "Placed", "is_task", "key_of", "label_of", "part_of"]

VARIANT = "variant"


class Placed(Protocol):
    """A run or a cell of a grid."""

    @property
    def variant(self) -> str:
        """Its variant, "" in a grid without variants."""
        ...

    @property
    def point(self) -> Mapping[str, Any]:
        """Axis path -> value."""
        ...


def is_task(axis: str) -> bool:
    """Whether an axis changes the task."""
    return axis.split(".")[0] == "task"


def part_of(placed: Placed, factors: Sequence[str]) -> dict[str, Any]:
    """Factor -> value, for those of the factors that it has a value on."""
    own = {VARIANT: placed.variant} if placed.variant else {}
    place = {**own, **placed.point}
    return {factor: place[factor] for factor in factors if factor in place}


def key_of(place: Mapping[str, Any]) -> str:
    """What equal places have in common, hashable."""
    return json.dumps(place, sort_keys=True)


def label_of(place: Mapping[str, Any]) -> str:
    """A place in words; a variant is called by its name alone."""
    rest = {path: value for path, value in place.items() if path != VARIANT}
    return " ".join(word for word in (place.get(VARIANT, ""), point_label(rest)) if word)
