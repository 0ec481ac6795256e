"""How busy other processes kept the machine during a run, which makes its speed unreliable."""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["MachineLoad", "is_shared"]

STAT = Path("/proc/stat")  # Linux: clock ticks of all cores since the start, by what they did
IDLE = (3, 4)  # its columns: idle, waiting for a disk
GUEST = 8  # and from here on, what is counted in the columns before as well
SLACK = 0.15  # cores: what a system does by itself


class MachineLoad:
    """Counts since this object was made."""

    def __init__(self) -> None:
        self._began = _now()

    def others(self) -> float | None:
        """The mean number of cores that other processes kept busy; None if the system does not
        report it."""
        began, now = self._began, _now()
        if began is None or now is None or now[0] - began[0] < 0.5:
            return None
        wall, every, own = (later - earlier for later, earlier in zip(now, began, strict=True))
        return round(max(0.0, every - own) / wall, 2)


def is_shared(others: float | None, threads: int, cores: int | None) -> bool:
    """Whether other processes took cores that a run with so many threads could have used."""
    return others is not None and cores is not None and others + min(threads, cores) > cores + SLACK


def _now() -> tuple[float, float, float] | None:
    """Seconds on the clock, of work on all cores, and of this process and those it has ended."""
    try:
        ticks = [
            int(each) for each in STAT.read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
        ]
        rate = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):
        return None
    work = sum(each for place, each in enumerate(ticks[:GUEST]) if place not in IDLE)
    return time.monotonic(), work / rate, sum(os.times()[:4])
