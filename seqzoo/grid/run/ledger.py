"""The ledger: which process does which run of a grid, in SQLite beside the plan.

A run is planned, running, done or failed. Claiming a run yields a token that every later call about
the run carries, so a process that has lost its claim cannot change the run. The owner of a claim,
the process that drives the grid, advances a counter with it for as long as it works.

The ledger holds no results. If it is lost, finished runs are recognised by their records.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from seqzoo.grid.plan.plan import State
from seqzoo.grid.run.ledger_file import LedgerFile
from seqzoo.grid.run.liveness import Owner

__all__ = ["Claim", "Counts", "Ledger", "LedgerRow"]


@dataclass(frozen=True)
class Counts:
    """Runs by state."""

    planned: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.planned + self.running + self.done + self.failed


@dataclass(frozen=True)
class Claim:
    """The right to do one run: its token, and which attempt this is (1 for the first)."""

    run_id: str
    token: str
    attempt: int


@dataclass(frozen=True)
class LedgerRow:
    """The ledger's entry for one run.

    Attributes:
        run_id: the run.
        state: planned, running, done or failed.
        attempt: how often it was claimed.
        claim: the token of the claim, None unless it is running.
        owner: the process that holds or last held the claim, None if there was none.
        beats: the owner's counter.
        host: the machine of its worker.
        pid: the worker's process id there.
        step: the last step reported.
        started: seconds since 1970 by the owner's clock, for people to read; no decision depends
            on it.
        ended: the same.
        error: one line, None unless it failed.
        traceback: of the error, if there is one.
    """

    run_id: str
    state: State
    attempt: int
    claim: str | None
    owner: Owner | None
    beats: int
    host: str | None
    pid: int | None
    step: int | None
    started: float | None
    ended: float | None
    error: str | None
    traceback: str | None


class Ledger(LedgerFile):
    """The open ledger of a grid's directory; close it, or use it in a `with` block.

    Raises:
        RunError: from every method, if the file cannot be read or written, is no ledger, or is
            one of a newer seqzoo.
    """

    def enlist(self, run_ids: Iterable[str]) -> None:
        """Enter the runs in this order: new ones as planned, known ones unchanged.

        Runs that are not among them, left from a deleted plan, are dropped. Call it inside a
        `transaction`.
        """
        self.database.execute("UPDATE runs SET position = -1")
        self.database.executemany(
            "INSERT INTO runs (run_id, position, state) VALUES (?, ?, 'planned') "
            "ON CONFLICT (run_id) DO UPDATE SET position = excluded.position",
            [(run_id, position) for position, run_id in enumerate(run_ids)],
        )
        self.database.execute("DELETE FROM runs WHERE position = -1")

    def reopen(self, run_ids: Iterable[str]) -> None:
        """Plan these done or failed runs again."""
        with self.transaction():
            self.database.executemany(
                "UPDATE runs SET state = 'planned' WHERE run_id = ? "
                "AND state IN ('done', 'failed')",
                [(run_id,) for run_id in run_ids],
            )

    def free(self, row: LedgerRow) -> bool:
        """Plan a running run again, if it is as the row says: same claim, same counter."""
        with self.plain_errors():
            found = self.database.execute(
                "UPDATE runs SET state = 'planned', claim = NULL "
                "WHERE run_id = ? AND claim IS ? AND beats = ?",
                (row.run_id, row.claim, row.beats),
            )
        return found.rowcount == 1

    def claim(self, owner: Owner) -> Claim | None:
        """Claim a planned run for this owner; None if none is planned.

        Among the runs with the fewest attempts it takes the first in the plan's order, so a run
        that kills its worker does not block others.
        """
        with self.transaction():
            row = self.database.execute(
                "SELECT run_id, attempt FROM runs WHERE state = 'planned' "
                "ORDER BY attempt, position LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            claim = Claim(run_id=row[0], token=uuid.uuid4().hex, attempt=row[1] + 1)
            self.database.execute(
                "UPDATE runs SET state = 'running', attempt = ?, claim = ?, owner_host = ?, "
                "owner_system = ?, owner_pid = ?, owner_born = ?, beats = 0, host = ?, pid = ?, "
                "started = ?, ended = NULL, step = NULL, error = NULL, traceback = NULL "
                "WHERE run_id = ?",
                (
                    claim.attempt,
                    claim.token,
                    owner.host,
                    owner.system,
                    owner.pid,
                    owner.born,
                    owner.host,
                    owner.pid,
                    time.time(),
                    claim.run_id,
                ),
            )
        return claim

    def move(self, token: str, host: str, pid: int) -> None:
        """Record the worker process of the claimed run."""
        with self.plain_errors():
            self.database.execute(
                "UPDATE runs SET host = ?, pid = ? WHERE claim = ?", (host, pid, token)
            )

    def beat(self, steps: Mapping[str, int | None]) -> set[str]:
        """Advance the counters of claims (token -> last step).

        Returns:
            The tokens whose claims have been lost.
        """
        lost = set()
        with self.transaction():
            for token, step in steps.items():
                found = self.database.execute(
                    "UPDATE runs SET beats = beats + 1, step = ? WHERE claim = ?", (step, token)
                )
                if found.rowcount == 0:
                    lost.add(token)
        return lost

    def finish(self, token: str, error: str | None = None, traceback: str = "") -> bool:
        """Mark the run as done, or as failed if there is an error. False if the claim was lost."""
        with self.plain_errors():
            found = self.database.execute(
                "UPDATE runs SET state = ?, ended = ?, error = ?, traceback = ?, claim = NULL "
                "WHERE claim = ?",
                (
                    "done" if error is None else "failed",
                    time.time(),
                    error,
                    traceback or None,
                    token,
                ),
            )
        return found.rowcount == 1

    def release(self, token: str) -> bool:
        """Release the run for anyone to claim. False if the claim was lost."""
        with self.plain_errors():
            found = self.database.execute(
                "UPDATE runs SET state = 'planned', claim = NULL WHERE claim = ?", (token,)
            )
        return found.rowcount == 1

    def counts(self) -> Counts:
        """How many runs are in each state."""
        with self.plain_errors():
            rows = self.database.execute("SELECT state, COUNT(*) FROM runs GROUP BY state")
            return Counts(**dict(rows.fetchall()))

    def rows(self) -> list[LedgerRow]:
        """Every run, in the plan's order."""
        return self._rows("")

    def running(self) -> list[LedgerRow]:
        """The running runs, in the plan's order."""
        return self._rows("WHERE state = 'running' ")

    def _rows(self, where: str) -> list[LedgerRow]:
        with self.plain_errors():
            rows = self.database.execute(
                "SELECT owner_host, owner_system, owner_pid, owner_born, run_id, state, attempt, "
                "claim, beats, host, pid, step, started, ended, error, traceback "
                f"FROM runs {where}ORDER BY position"
            ).fetchall()
        return [_row(*row) for row in rows]


def _row(
    host: str | None, system: str | None, pid: int | None, born: str | None, *facts: Any
) -> LedgerRow:
    run_id, state, attempt, claim, beats, *rest = facts
    owner = None if host is None or pid is None else Owner(host, system or "", pid, born or "")
    return LedgerRow(run_id, state, attempt, claim, owner, beats, *rest)
