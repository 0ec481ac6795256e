"""Find the number whose count is nearest to a target, where the count is monotonic in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

__all__ = ["nearest_float", "nearest_integer"]

Count = Callable[[float], float | None]
N = TypeVar("N", int, float)

LARGEST_FACTOR = 64  # how far from its start a number is looked for
GAP = 16  # integers in a row that may not fit, such as widths that are not a multiple of 16
SHORTEST_SCAN, LONGEST_SCAN = 64, 256


def nearest_integer(count: Count, target: float, start: int, within: float) -> int | None:
    """The positive integer whose count is nearest to the target.

    By bisection. If that ends farther away than `within` (a share of the target), because few
    integers fit, every integer up to twice the start (at least 64, at most 256) is tried.

    Args:
        count: the count of an integer; None where it does not fit.
        target: above 0.
        start: the value before.
        within: a share of the target that is near enough.
    """
    low, high = _fitting(count, 1, 1, 1 + GAP), _fitting(count, start, start, start * 2 + GAP)
    if low is None or high is None:
        return _nearest(count, target, _scan(start))
    seen = [low, high]
    sign = 1 if _of(count, high) >= _of(count, low) else -1
    while sign * (_of(count, high) - target) < 0 and high < start * LARGEST_FACTOR:
        above = _fitting(count, 2 * high, 2 * high, 2 * high + GAP)
        if above is None:
            break
        low, high = high, above
        seen.append(high)
    while high - low > 1:
        middle = _fitting(count, (low + high) // 2, low + 1, high - 1)
        if middle is None:
            break
        seen.append(middle)
        if sign * (_of(count, middle) - target) < 0:
            low = middle
        else:
            high = middle
    best = _nearest(count, target, seen)
    assert best is not None
    if abs(_of(count, best) / target - 1) > within:
        best = _nearest(count, target, [*seen, *_scan(start)])
    return best


def nearest_float(count: Count, target: float, start: float) -> float | None:
    """The number between a 64th and 64 times the start whose count is nearest to the target.

    Among numbers with the same count it is one with few digits.
    """
    low, high = start / LARGEST_FACTOR, start * LARGEST_FACTOR
    seen = [start]
    first, last = count(low), count(high)
    sign = -1 if first is not None and last is not None and last < first else 1
    while high / low > 1.00005:
        middle = math.sqrt(low * high)
        found = count(middle)
        if found is not None:
            seen.append(middle)
        if (middle < start) if found is None else sign * (found - target) < 0:
            low = middle
        else:
            high = middle
    best = _nearest(count, target, seen)
    if best is None:
        return None
    off = abs(_of(count, best) - target)
    for digits in range(1, 7):
        short = float(f"{best:.{digits}g}")
        found = count(short)
        if found is not None and abs(found - target) <= off:
            return short
    return best


def _fitting(count: Count, wanted: int, least: int, most: int) -> int | None:
    """The fitting integer nearest to the wanted one, between two bounds, if one is near enough."""
    for number in _around(wanted):
        if least <= number <= most and count(number) is not None:
            return number
    return None


def _scan(start: int) -> range:
    return range(1, min(max(2 * start, SHORTEST_SCAN), LONGEST_SCAN) + 1)


def _around(number: int) -> Iterator[int]:
    yield number
    for distance in range(1, GAP + 1):
        yield number + distance
        yield number - distance


def _of(count: Count, number: float) -> float:
    found = count(number)
    assert found is not None, "only numbers that fit are looked at"
    return found


def _nearest(count: Count, target: float, numbers: Iterable[N]) -> N | None:
    fitting = [number for number in numbers if count(number) is not None]
    return min(fitting, key=lambda number: abs(_of(count, number) - target), default=None)
