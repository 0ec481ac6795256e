"""Which running runs may be taken over: those whose owner is certainly gone.

- An owner in this machine's process table is gone once it is no longer there.
- Any other owner advances a counter in the ledger. It counts as gone once this process has watched
  the counter stand still for `STALE_SECONDS`.
- A process that trains a run holds a lock on its directory. While the lock is held, the run is not
  taken over.

So this process waits for an owner that is stopped or suspended on this machine, differing clocks do
not matter, and time in which this process itself was stopped does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqzoo.grid.run.ledger import LedgerRow
from seqzoo.grid.run.liveness import is_alive
from seqzoo.train.directory import is_held

__all__ = ["STALE_SECONDS", "Takeover"]

STALE_SECONDS = 60.0
LONGEST_GAP = 5.0  # between two looks: a longer one counts as this


@dataclass
class _Seen:
    """A counter as last seen, and the seconds it has been watched since it last moved."""

    beats: int
    still: float = 0.0


class Takeover:
    """Judges the owners of running runs, for as long as the grid's process lives.

    Args:
        place: run id -> the run's directory.
    """

    def __init__(self, place: Callable[[str], Path]) -> None:
        self._place = place
        self._seen: dict[str, _Seen] = {}
        self._last_look: float | None = None

    def gone(self, running: Sequence[LedgerRow]) -> list[LedgerRow]:
        """The rows whose runs may be taken over."""
        now = time.monotonic()
        gap = 0.0 if self._last_look is None else min(now - self._last_look, LONGEST_GAP)
        self._last_look = now
        self._seen = {
            row.claim: self._look(row.claim, row.beats, gap) for row in running if row.claim
        }
        return [row for row in running if self._is_gone(row)]

    def _look(self, claim: str, beats: int, gap: float) -> _Seen:
        seen = self._seen.get(claim)
        if seen is None or seen.beats != beats:
            return _Seen(beats)
        return _Seen(beats, seen.still + gap)

    def _is_gone(self, row: LedgerRow) -> bool:
        alive = is_alive(row.owner) if row.owner is not None else None
        if alive is None and row.claim is not None:
            alive = self._seen[row.claim].still < STALE_SECONDS
        return not alive and not is_held(self._place(row.run_id))
