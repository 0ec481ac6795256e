"""Workers that a run has cost, and when it is enough."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MAX_LOSSES", "Losses"]

MAX_LOSSES = 5


@dataclass(frozen=True)
class _Lost:
    """Workers lost in a run since it last came further, and the furthest step it was at."""

    times: int = 0
    furthest: int = 0


class Losses:
    """Counts, for each run of a grid, the workers that died of it."""

    def __init__(self) -> None:
        self._lost: dict[str, _Lost] = {}

    def count(self, run_id: str, step: int) -> int:
        """One more worker died, at this step; how many did since the run last came further."""
        before = self._lost.get(run_id, _Lost())
        times = 1 if step > before.furthest else before.times + 1
        self._lost[run_id] = _Lost(times, max(step, before.furthest))
        return times
