"""The JSON that a run leaves, and how a run adds to an earlier one's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]

OVER = "the time allowed was over (--minutes)"
"""Why a row is not measured that a longer run would measure."""

KEY = ("group", "recurrence", "subject", "shape", "action", "dtype")


def read_record(path: Path) -> Record:
    """A record from its file.

    Raises:
        ValueError: not a record of this benchmark.
    """
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(record, dict) or not {"machine", "runs", "rows"} <= record.keys():
        raise ValueError(f"{path} is no record of benchmarks/scan.py: machine, runs, rows expected")
    if "device" not in record["machine"]:
        raise ValueError(f"{path} is no record of benchmarks/scan.py: its machine has no device")
    for number, row in enumerate(record["rows"], 1):
        missing = [field for field in KEY if field not in row]
        if missing:
            raise ValueError(f"{path}: row {number} has no {', '.join(missing)}")
    return record


class RecordFile:
    """Where a run leaves its record: beside the file while it goes on, in its place at the end.

    A run that is killed leaves the earlier file as it was, and what it had measured in FILE.part.

    Args:
        path: the file; None keeps nothing.
        add: whether the file's other rows stay.
    """

    def __init__(self, path: Path | None, add: bool) -> None:
        self.path, self._add = path, add
        self._earlier: Record | None = None
        self._part = None if path is None else path.with_name(f"{path.name}.part")

    def read_earlier(self, *, part: bool = False) -> None:
        """Reads the rows that stay.

        Args:
            part: whether a run that was ended left them, where it left any.

        Raises:
            ValueError: the file is no record.
        """
        if not self._add:
            return
        for path in (self._part, self.path) if part else (self.path,):
            if path is not None and path.exists():
                self._earlier = read_record(path)
                return

    def has_measured(self, row: Record) -> bool:
        """Whether a row that stays is this one, measured or found impossible."""
        rows = () if self._earlier is None else self._earlier["rows"]
        return any(_key(each) == _key(row) and each.get("skipped") != OVER for each in rows)

    def whole(self, record: Record) -> Record:
        """A run's record with the rows that stay.

        Raises:
            ValueError: those come from another machine.
        """
        return record if self._earlier is None else add_to(self._earlier, record)

    def keep(self, record: Record) -> None:
        """Writes what was measured so far.

        Raises:
            ValueError: it cannot be written, or does not go with the rows that stay.
        """
        self._write(self.whole(record))

    def write(self, record: Record) -> None:
        """Writes the whole record, in one piece.

        Raises:
            ValueError: it cannot be written.
        """
        if self.path is not None and self._part is not None:
            self._write(record)
            self._part.replace(self.path)

    def kept_where(self) -> str:
        """Where the rows of a run that was stopped are, as the end of a sentence."""
        if self._part is None or not self._part.exists():
            return "; nothing is kept without --json"
        return f"; what was measured is in {self._part}, which --from shows"

    def _write(self, record: Record) -> None:
        if self.path is None or self._part is None:
            return
        try:
            if self.path.is_dir():
                raise IsADirectoryError(f"{self.path} is a directory")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._part.write_text(json.dumps(record, indent=1) + "\n")
        except OSError as error:
            raise ValueError(f"{self.path} cannot be written: {error}") from error


def add_to(earlier: Record, later: Record) -> Record:
    """The earlier rows with the later ones in the place of those they repeat.

    Raises:
        ValueError: they come from different machines, so their figures do not compare.
    """
    for fact, value in later["machine"].items():
        before = earlier["machine"].get(fact)
        if before != value:
            raise ValueError(
                f"the file's figures come from another machine: {fact} {before!r} there, "
                f"{value!r} here. Write this run to a file of its own."
            )
    offset = len(earlier["runs"])
    fresh = [row | {"run": row["run"] + offset} for row in later["rows"]]
    measured = {_key(row) for row in fresh if "skipped" not in row}
    known = {_key(row) for row in earlier["rows"]}
    kept = [row for row in earlier["rows"] if _key(row) not in measured]
    added = [row for row in fresh if _key(row) in measured or _key(row) not in known]
    return later | {"runs": earlier["runs"] + later["runs"], "rows": kept + added}


def _key(row: Record) -> tuple:
    return tuple(str(row[field]) for field in KEY)
