"""The ledger's file: opened or created, with its errors in plain words.

It is in WAL mode, so that readers do not wait for the writer, nor the writer for them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from seqzoo.errors import RunError

__all__ = ["FORMAT", "LedgerFile"]

FORMAT = 2
BUSY_SECONDS = 60.0

TABLE = """
CREATE TABLE IF NOT EXISTS runs (
    run_id    TEXT PRIMARY KEY,
    position  INTEGER NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('planned', 'running', 'done', 'failed')),
    attempt   INTEGER NOT NULL DEFAULT 0,
    claim     TEXT,
    beats     INTEGER NOT NULL DEFAULT 0,
    owner_host   TEXT,
    owner_system TEXT,
    owner_pid    INTEGER,
    owner_born   TEXT,
    host      TEXT,
    pid       INTEGER,
    step      INTEGER,
    started   REAL,
    ended     REAL,
    error     TEXT,
    traceback TEXT
)
"""
ADDED_IN_2 = (
    "beats INTEGER NOT NULL DEFAULT 0",
    "owner_host TEXT",
    "owner_system TEXT",
    "owner_pid INTEGER",
    "owner_born TEXT",
)
COLUMNS = (
    "run_id, position, state, attempt, claim, beats, owner_host, owner_system, owner_pid, "
    "owner_born, host, pid, step, started, ended, error, traceback"
)
KINDS = {
    "integer": ("position", "attempt", "beats", "owner_pid", "pid", "step"),
    "real": ("started", "ended"),
    "text": (
        *("run_id", "state", "claim", "owner_host", "owner_system", "owner_born"),
        *("host", "error", "traceback"),
    ),
}
INDEX = "CREATE INDEX IF NOT EXISTS runs_by_state ON runs (state, attempt, position)"


class LedgerFile:
    """The open database; close it, or use it in a `with` block.

    Attributes:
        path: the file.
        database: the connection; outside `transaction` each statement is its own transaction.

    Raises:
        RunError: it cannot be read or written, is no ledger, or is one of a newer seqzoo.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "ledger.sqlite"
        with self.plain_errors():
            directory.mkdir(parents=True, exist_ok=True)
            self.database = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            with self.plain_errors():
                self._prepare()
        except BaseException:
            self.database.close()
            raise

    def _prepare(self) -> None:
        version = self._version()
        if version > FORMAT:
            raise RunError(
                f"{self.path}: written by a newer seqzoo (ledger format {version}, this one knows "
                f"up to {FORMAT}); upgrade seqzoo, or choose another --out"
            )
        self.database.execute("PRAGMA synchronous = NORMAL")
        if version == FORMAT:
            self._check()
            return
        self._switch_to_wal()
        with self.transaction():
            if self._version() == 1:  # its owners are unknown: they are judged by their counters
                for column in ADDED_IN_2:
                    self.database.execute(f"ALTER TABLE runs ADD COLUMN {column}")
            self.database.execute(TABLE)
            self.database.execute(INDEX)
            self.database.execute(f"PRAGMA user_version = {FORMAT}")

    def _check(self) -> None:
        """Read all pages and every column once, since files get truncated and edited."""
        (found,) = self.database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        self.database.execute(f"SELECT {COLUMNS} FROM runs LIMIT 1")
        for kind, columns in KINDS.items():
            for column in columns:
                odd = self.database.execute(
                    f"SELECT run_id, {column} FROM runs "
                    f"WHERE typeof({column}) NOT IN ('{kind}', 'null') LIMIT 1"
                ).fetchone()
                if odd is not None:
                    raise sqlite3.DatabaseError(f"{column} of run {odd[0]} is {odd[1]!r}")

    def _version(self) -> int:
        return self.database.execute("PRAGMA user_version").fetchone()[0]

    def _switch_to_wal(self) -> None:
        """SQLite does not wait here for another process that opens the file for the first time."""
        end = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self.database.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as failure:
                if failure.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > end:
                    raise
            time.sleep(0.01)

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction during which no other process writes."""
        with self.plain_errors():
            self.database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.database.execute("COMMIT")
            except BaseException:
                if self.database.in_transaction:
                    self.database.execute("ROLLBACK")
                raise

    @contextmanager
    def plain_errors(self) -> Iterator[None]:
        """Turn errors of SQLite and of the system into RunErrors."""
        try:
            yield
        except OSError as failure:
            raise RunError(
                f"{self.path}: cannot be written ({failure.strerror}); choose an --out directory "
                "that you may write to"
            ) from None
        except sqlite3.Error as failure:
            kind = getattr(failure, "sqlite_errorname", "SQLITE_CORRUPT")
            raise RunError(f"{self.path}: {_advice(kind, str(failure))}") from None


def _advice(kind: str, message: str) -> str:
    if kind.startswith("SQLITE_FULL"):
        return "the disk is full; free some room and run the same command again: it resumes"
    if kind.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return f"cannot be written ({message}); choose an --out directory that you may write to"
    if kind.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or kind == "SQLITE_ERROR":
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
