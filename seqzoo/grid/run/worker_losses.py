"""Count the workers that died during a run, to give up on it in time."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MAX_LOSSES", "Losses"]

MAX_LOSSES = 5


@dataclass(frozen=True)
class _Lost:
    """The furthest step of a run, and the workers lost since it was reached."""

    times: int = 0
    furthest: int = 0


class Losses:
    """Counts the workers that died during each run of a grid."""

    def __init__(self) -> None:
        self._lost: dict[str, _Lost] = {}

    def count(self, run_id: str, step: int) -> int:
        """Count a worker that died at this step; returns how many died without progress."""
        before = self._lost.get(run_id, _Lost())
        times = 1 if step > before.furthest else before.times + 1
        self._lost[run_id] = _Lost(times, max(step, before.furthest))
        return times
