"""The finished runs of a grid as rows of a results file, and rows as a table of a page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seqzoo.files import write_whole
from seqzoo.grid import read_plan, run_directory
from seqzoo.train.record import Record, read_record

Row = dict[str, Any]


def finished_runs(directory: Path) -> Iterator[tuple[Row, Record]]:
    """Each finished run of a grid: what all tables keep of it, and its record.

    The row has `variant`, the run's value of each axis, `seed`, `lr`, `steps`, `parameters`, the
    code's commit (`code`), `torch`, `device` and `date`. A run that has not finished is left out.
    """
    for planned in read_plan(directory).runs:
        path = run_directory(directory, planned.run_id) / "record.json"
        if not path.exists():
            continue
        record = read_record(path)
        source = record.sources.seqzoo
        row = {
            "variant": planned.variant,
            **planned.point,
            "seed": planned.seed,
            "lr": planned.spec["train"]["optimizer"]["lr"],
            "steps": record.steps,
            "parameters": record.parameters,
            "code": source.commit[:7] if source else None,
            "torch": record.versions.torch,
            "device": record.device.name,
            "date": datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat(),
        }
        yield row, record


def read_rows(path: Path) -> list[Row]:
    """The rows of a results file; none if it does not exist."""
    return json.loads(path.read_text())["runs"] if path.exists() else []


def write_rows(path: Path, grid: str, rows: list[Row]) -> None:
    """Write the results file of a grid, completely or not at all."""
    write_whole(path, json.dumps({"grid": grid, "runs": rows}, indent=1) + "\n")


def short(number: float, digits: int = 2) -> str:
    """.99, 1.00."""
    return f"{number:.{digits}f}".removeprefix("0")


def markdown(lines: list[list[str]]) -> str:
    """A table, its first column to the left and the others to the right."""
    head, *body = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([head, "|---|" + "---:|" * (len(lines[0]) - 1), *body])
