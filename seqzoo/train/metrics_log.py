"""metrics.jsonl: one JSON object per line, appended while the run trains.

Rows of kind `train` describe the steps since the row before: step, loss (their mean), lr and
gradient_norm (of the last of them), tokens (so far), tokens_per_s, wall_s. Rows of kind
`evaluation` hold step, wall_s and every metric. `step` counts the steps done.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from seqzoo.files import open_regular, write_whole, writing

__all__ = ["MetricsLog", "read_rows"]


class MetricsLog:
    """The rows of a run that has done `step` steps; later rows of a lost session are cut off."""

    def __init__(self, path: Path, step: int) -> None:
        """Open for appending.

        Raises:
            RunError: the file cannot be written.
        """
        self._path = path
        if path.is_file():
            rows = [row for row in read_rows(path) if row["step"] <= step]
            write_whole(path, "".join(json.dumps(row) + "\n" for row in rows))
        with writing(path):
            self._file = os.fdopen(_opened(path), "a", encoding="utf-8")

    def append(self, row: dict[str, Any]) -> None:
        """Write one row; readers see it at once.

        Raises:
            RunError: the disk is full or gone.
        """
        with writing(self._path):
            self._file.write(json.dumps(row, allow_nan=False) + "\n")
            self._file.flush()

    def force_to_disk(self) -> None:
        """Force all rows so far to disk.

        Raises:
            RunError: the disk is full or gone.
        """
        with writing(self._path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        with writing(self._path):
            self._file.close()


def _opened(path: Path) -> int:
    """A handle to append with; a pipe without a reader is an error and is not waited for."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
    return os.open(path, flags, 0o666)


def read_rows(path: Path, kind: str | None = None) -> Iterator[dict[str, Any]]:
    """The complete rows of a metrics.jsonl, in order, up to a line that was cut short.

    Args:
        path: the file.
        kind: return rows of this kind only, which is fast where they are few; None for all.
    """
    wanted = (kind or "").encode()
    with open_regular(path) as file:
        for line in file:
            if wanted not in line:
                continue
            try:
                row = from_json(line)
            except ValueError:
                return
            if not isinstance(row, dict) or not isinstance(row.get("step"), int):
                return
            if kind is None or row.get("kind") == kind:
                yield row
