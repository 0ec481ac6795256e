"""The JSON that a run leaves, and how a run adds to an earlier one's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]

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
    return record


def write_record(record: Record, path: Path) -> None:
    """Writes it in one piece, so that a run cut short leaves the earlier file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.part")
    fresh.write_text(json.dumps(record, indent=1) + "\n")
    fresh.replace(path)


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
