"""Which running runs may be taken over: those whose owner is gone for certain.

- An owner that this process can see in its process table is gone when it is not there any more.
- Any other owner advances a counter in the ledger. It is taken for gone when the counter has stood
  still while this process looked at it again and again, for `STALE_SECONDS` of looking.
- Whoever trains a run holds a lock on its directory. While it is held, nobody takes the run over.

So a stopped or suspended owner on this machine is waited for, clocks that differ mean nothing, and
time in which this process was itself stopped does not count.
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
    """A counter as it was last seen, and the seconds of looking since it last moved."""

    beats: int
    still: float = 0.0


class Takeover:
    """Judges the owners of running runs; one of these lives as long as its grid's process.

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
