"""The ledger: who does which run of a grid, in SQLite beside the plan.

A run is planned, running, done or failed. Whoever claims a run gets a token; all that is told of
the run later carries the token, so a process that lost its claim cannot speak for the run. A claim
is lost when its worker's process is gone from this host, or its heartbeat is old.

The ledger holds no result. Without it nothing is lost: finished runs have their records.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seqzoo.errors import RunError
from seqzoo.grid.liveness import process_is_alive

__all__ = ["FORMAT", "STALE_SECONDS", "Claim", "Counts", "Ledger", "LedgerRow", "State"]

FORMAT = 1
STALE_SECONDS = 60.0
BUSY_SECONDS = 60.0

State = Literal["planned", "running", "done", "failed"]

TABLE = """
CREATE TABLE IF NOT EXISTS runs (
    run_id    TEXT PRIMARY KEY,
    position  INTEGER NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('planned', 'running', 'done', 'failed')),
    attempt   INTEGER NOT NULL DEFAULT 0,
    claim     TEXT,
    host      TEXT,
    pid       INTEGER,
    heartbeat REAL,
    step      INTEGER,
    started   REAL,
    ended     REAL,
    error     TEXT,
    traceback TEXT
)
"""
INDEX = "CREATE INDEX IF NOT EXISTS runs_by_state ON runs (state, attempt, position)"


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


class Ledger:
    """The open ledger of a grid's directory; close it, or use it in a `with`.

    Raises:
        RunError: from every method, if the file cannot be read or written, is no ledger, or is
            one of a newer seqzoo.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "ledger.sqlite"
        with self._plain_errors():
            directory.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            with self._plain_errors():
                self._prepare()
        except BaseException:
            self._database.close()
            raise

    def _prepare(self) -> None:
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if version > FORMAT:
            raise RunError(
                f"{self.path}: written by a newer seqzoo (ledger format {version}, this one knows "
                f"up to {FORMAT}); upgrade seqzoo, or choose another --out"
            )
        self._database.execute("PRAGMA synchronous = NORMAL")
        if version == FORMAT:
            return
        self._switch_to_wal()
        with self.transaction():
            self._database.execute(TABLE)
            self._database.execute(INDEX)
            self._database.execute(f"PRAGMA user_version = {FORMAT}")

    def _switch_to_wal(self) -> None:
        """SQLite does not wait here for another process that opens the file for the first time."""
        end = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._database.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as failure:
                if failure.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > end:
                    raise
            time.sleep(0.01)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and no other process writes meanwhile."""
        with self._plain_errors():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def enlist(self, run_ids: Iterable[str]) -> None:
        """Write down the runs in this order: new ones as planned, known ones as they are.

        Runs that are not among them, of a plan that was deleted, are dropped. Call it inside a
        `transaction`.
        """
        self._database.execute("UPDATE runs SET position = -1")
        self._database.executemany(
            "INSERT INTO runs (run_id, position, state) VALUES (?, ?, 'planned') "
            "ON CONFLICT (run_id) DO UPDATE SET position = excluded.position",
            [(run_id, position) for position, run_id in enumerate(run_ids)],
        )
        self._database.execute("DELETE FROM runs WHERE position = -1")

    def reopen(self, run_ids: Iterable[str]) -> None:
        """Plan these done or failed runs again."""
        with self.transaction():
            self._database.executemany(
                "UPDATE runs SET state = 'planned' WHERE run_id = ? "
                "AND state IN ('done', 'failed')",
                [(run_id,) for run_id in run_ids],
            )

    def free_the_dead(self, host: str) -> list[str]:
        """Plan again the running runs whose worker is gone; `host` is this machine's name."""
        freed = []
        with self.transaction():
            running = self._database.execute(
                "SELECT run_id, host, pid, heartbeat FROM runs WHERE state = 'running'"
            ).fetchall()
            for run_id, its_host, pid, heartbeat in running:
                gone = its_host == host and not process_is_alive(pid)
                if gone or time.time() - heartbeat > STALE_SECONDS:
                    freed.append(run_id)
            self._database.executemany(
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
            row = self._database.execute(
                "SELECT run_id, attempt FROM runs WHERE state = 'planned' "
                "ORDER BY attempt, position LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            claim = Claim(run_id=row[0], token=uuid.uuid4().hex, attempt=row[1] + 1)
            now = time.time()
            self._database.execute(
                "UPDATE runs SET state = 'running', attempt = ?, claim = ?, host = ?, pid = ?, "
                "heartbeat = ?, started = ?, ended = NULL, step = NULL, error = NULL, "
                "traceback = NULL WHERE run_id = ?",
                (claim.attempt, claim.token, host, pid, now, now, claim.run_id),
            )
        return claim

    def move(self, token: str, host: str, pid: int) -> None:
        """The claimed run is now in the hands of this worker process."""
        with self._plain_errors():
            self._database.execute(
                "UPDATE runs SET host = ?, pid = ? WHERE claim = ?", (host, pid, token)
            )

    def beat(self, steps: Mapping[str, int | None]) -> set[str]:
        """Say that these claims (token -> last step) are alive; gives back those that were lost."""
        lost = set()
        with self.transaction():
            for token, step in steps.items():
                found = self._database.execute(
                    "UPDATE runs SET heartbeat = ?, step = ? WHERE claim = ?",
                    (time.time(), step, token),
                )
                if found.rowcount == 0:
                    lost.add(token)
        return lost

    def finish(self, token: str, error: str | None = None, traceback: str = "") -> bool:
        """The run is done, or failed if there is an error. False if the claim was lost before."""
        with self._plain_errors():
            found = self._database.execute(
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
        with self._plain_errors():
            found = self._database.execute(
                "UPDATE runs SET state = 'planned', claim = NULL WHERE claim = ?", (token,)
            )
        return found.rowcount == 1

    def counts(self) -> Counts:
        """How many runs are in each state."""
        with self._plain_errors():
            rows = self._database.execute("SELECT state, COUNT(*) FROM runs GROUP BY state")
            return Counts(**dict(rows.fetchall()))

    def rows(self) -> list[LedgerRow]:
        """Everything, in the plan's order."""
        with self._plain_errors():
            rows = self._database.execute(
                "SELECT run_id, state, attempt, host, pid, heartbeat, step, started, ended, error, "
                "traceback FROM runs ORDER BY position"
            )
            return [LedgerRow(*row) for row in rows.fetchall()]

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as failure:
            raise RunError(
                f"{self.path}: cannot be written ({failure.strerror}); choose an --out directory "
                "that you may write to"
            ) from None
        except sqlite3.Error as failure:
            kind = getattr(failure, "sqlite_errorname", "")
            raise RunError(f"{self.path}: {_advice(kind, str(failure))}") from None


def _advice(kind: str, message: str) -> str:
    if kind.startswith("SQLITE_FULL"):
        return "the disk is full; free some room and run the same command again: it resumes"
    if kind.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return f"cannot be written ({message}); choose an --out directory that you may write to"
    if kind.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return (
            f"not a ledger, or a broken one ({message}); delete it and run the grid again: "
            "finished runs are recognised by their records"
        )
    if kind.startswith("SQLITE_BUSY"):
        return (
            f"locked by another process for {BUSY_SECONDS:g} s; end what holds it, and run the "
            "same command again: it resumes"
        )
    return f"{message}; run the same command again: it resumes"
