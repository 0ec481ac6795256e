"""Median times: on a CPU by turns, so that a drifting load affects all alike; on a GPU by
events."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Timing(NamedTuple):
    """Milliseconds a call: median, 20th and 80th percentile, and over how many calls."""

    median_ms: float
    p20_ms: float
    p80_ms: float
    calls: int


def take_turns(
    functions: dict[str, Callable[[], Any]], seconds: float, least: int = 5, warm: int = 2
) -> dict[str, Timing]:
    """Call each function once per round until the time is up, for at least `least` rounds.

    Every other round runs backwards, so that no function always follows the same one.
    """
    for _ in range(warm):
        for function in functions.values():
            function()
    elapsed: dict[str, list[float]] = {name: [] for name in functions}
    start, rounds = time.perf_counter(), 0
    while rounds < least or time.perf_counter() - start < seconds:
        order = list(functions) if rounds % 2 == 0 else list(functions)[::-1]
        for name in order:
            before = time.perf_counter()
            functions[name]()
            elapsed[name].append(1e3 * (time.perf_counter() - before))
        rounds += 1
    return {name: summarise(each) for name, each in elapsed.items()}


def on_gpu(function: Callable[[], Any], milliseconds: int) -> Timing:
    """Triton's do_bench: device events, the cache cleared before each call."""
    from triton.testing import do_bench

    times: Any = do_bench(function, warmup=milliseconds // 4, rep=milliseconds, return_mode="all")
    return summarise([float(each) for each in times])


def summarise(milliseconds: list[float]) -> Timing:
    """The median and percentiles of a list of times."""
    ordered = sorted(milliseconds)
    last = len(ordered) - 1
    return Timing(
        statistics.median(ordered),
        ordered[round(0.2 * last)],
        ordered[round(0.8 * last)],
        len(ordered),
    )
