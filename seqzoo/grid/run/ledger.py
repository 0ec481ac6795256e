"""The ledger: who does which run of a grid, in SQLite beside the plan.

A run is planned, running, done or failed. Whoever claims a run gets a token; all that is told of
the run later carries the token, so a process that lost its claim cannot speak for the run. A claim
is lost when its worker's process is gone from this host, or its heartbeat is old.

The ledger holds no result. Without it nothing is lost: finished runs have their records.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from seqzoo.grid.plan.plan import State
from seqzoo.grid.run.ledger_file import LedgerFile
from seqzoo.grid.run.liveness import process_is_alive

__all__ = ["STALE_SECONDS", "Claim", "Counts", "Ledger", "LedgerRow"]

STALE_SECONDS = 60.0


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
    """What the ledger says of one run. Times are seconds since 1970, UTC."""

    run_id: str
    state: State
    attempt: int
    host: str | None
    pid: int | None
    heartbeat: float | None
    step: int | None
    started: float | None
    ended: float | None
    error: str | None
    traceback: str | None


class Ledger(LedgerFile):
    """The open ledger of a grid's directory; close it, or use it in a `with`.

    Raises:
        RunError: from every method, if the file cannot be read or written, is no ledger, or is
            one of a newer seqzoo.
    """

    def enlist(self, run_ids: Iterable[str]) -> None:
        """Write down the runs in this order: new ones as planned, known ones as they are.

        Runs that are not among them, of a plan that was deleted, are dropped. Call it inside a
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

    def free_the_dead(self, host: str) -> list[str]:
        """Plan again the running runs whose worker is gone; `host` is this machine's name."""
        freed = []
        with self.transaction():
            running = self.database.execute(
                "SELECT run_id, host, pid, heartbeat FROM runs WHERE state = 'running'"
            ).fetchall()
            for run_id, its_host, pid, heartbeat in running:
                gone = its_host == host and not process_is_alive(pid)
                if gone or time.time() - heartbeat > STALE_SECONDS:
                    freed.append(run_id)
            self.database.executemany(
                "UPDATE runs SET state = 'planned', claim = NULL WHERE run_id = ?",
                [(run_id,) for run_id in freed],
            )
        return freed

    def claim(self, host: str, pid: int) -> Claim | None:
        """Take a planned run for this process, or None if none is planned.

        The first in the plan's order of those that were tried least, so that a run that takes its
        worker down does not stand in the way of others.
        """
        with self.transaction():
            row = self.database.execute(
                "SELECT run_id, attempt FROM runs WHERE state = 'planned' "
                "ORDER BY attempt, position LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            claim = Claim(run_id=row[0], token=uuid.uuid4().hex, attempt=row[1] + 1)
            now = time.time()
            self.database.execute(
                "UPDATE runs SET state = 'running', attempt = ?, claim = ?, host = ?, pid = ?, "
                "heartbeat = ?, started = ?, ended = NULL, step = NULL, error = NULL, "
                "traceback = NULL WHERE run_id = ?",
                (claim.attempt, claim.token, host, pid, now, now, claim.run_id),
            )
        return claim

    def move(self, token: str, host: str, pid: int) -> None:
        """The claimed run is now in the hands of this worker process."""
        with self.plain_errors():
            self.database.execute(
                "UPDATE runs SET host = ?, pid = ? WHERE claim = ?", (host, pid, token)
            )

    def beat(self, steps: Mapping[str, int | None]) -> set[str]:
        """Say that these claims (token -> last step) are alive; gives back those that were lost."""
        lost = set()
        with self.transaction():
            for token, step in steps.items():
                found = self.database.execute(
                    "UPDATE runs SET heartbeat = ?, step = ? WHERE claim = ?",
                    (time.time(), step, token),
                )
                if found.rowcount == 0:
                    lost.add(token)
        return lost

    def finish(self, token: str, error: str | None = None, traceback: str = "") -> bool:
        """The run is done, or failed if there is an error. False if the claim was lost before."""
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
        """Plan the run again, for whoever comes next. False if the claim was lost before."""
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
        """Everything, in the plan's order."""
        with self.plain_errors():
            rows = self.database.execute(
                "SELECT run_id, state, attempt, host, pid, heartbeat, step, started, ended, error, "
                "traceback FROM runs ORDER BY position"
            )
            return [LedgerRow(*row) for row in rows.fetchall()]
