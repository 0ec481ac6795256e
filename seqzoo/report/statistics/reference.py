"""References: cells that lack an axis others have, such as attention in a grid over depth.

A reference is compared at every value of that axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from seqzoo.report.collect.place import key_of

__all__ = ["reference_places"]

Point = Mapping[str, Any]


def reference_places(points: Iterable[Point]) -> dict[str, list[dict[str, Any]]]:
    """For each point, by `key_of`, the values to add for each place it is compared at.

    A point with every axis has one empty addition. Any other has the values that fuller points have
    on its missing axes: of those that agree with it on the rest, or else of all.

    >>> places = reference_places([{"depth": 1}, {"depth": 2}, {}])
    >>> places[key_of({})], places[key_of({"depth": 2})]
    ([{'depth': 1}, {'depth': 2}], [{}])
    """
    shapes: dict[tuple[str, ...], list[Point]] = {}
    for point in {key_of(point): point for point in points}.values():
        shapes.setdefault(tuple(sorted(point)), []).append(point)
    places: dict[str, list[dict[str, Any]]] = {}
    for shape, points_of_shape in shapes.items():
        fuller = _fullest([other for other in shapes if set(shape) < set(other)])
        agreeing: dict[str, dict[str, dict[str, Any]]] = {}
        every: dict[str, dict[str, Any]] = {}
        for point in (point for other in fuller for point in shapes[other]):
            rest = {axis: value for axis, value in point.items() if axis not in shape}
            shared = key_of({axis: point[axis] for axis in shape})
            agreeing.setdefault(shared, {}).setdefault(key_of(rest), rest)
            every.setdefault(key_of(rest), rest)
        for point in points_of_shape:
            additions = agreeing.get(key_of(point), every)
            places[key_of(point)] = list(additions.values()) or [{}]
    return places


def _fullest(shapes: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The sets of axes that are not contained in another one."""
    return [shape for shape in shapes if not any(set(shape) < set(other) for other in shapes)]
