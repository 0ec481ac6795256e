"""Check that a record belongs to its directory's run: directories get copied and edited."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqzoo.spec.run import run_id_of
from seqzoo.train import Record

__all__ = ["stray_record"]


def stray_record(
    path: Path, record: Record, run_id: str, spec: Mapping[str, Any], source: str
) -> str | None:
    """The problem of a record that belongs to another run; None if it belongs here.

    Args:
        path: the record's file.
        record: the record; one without a spec is judged by its run id.
        run_id: the id of the run that belongs here.
        spec: its resolved spec.
        source: where these two come from, such as `plan.json`.
    """
    if record.run_id != run_id:
        return (
            f"{path} is the record of run {record.run_id}, where {source} has {run_id}: the "
            "directory was copied or renamed; put it back, or delete it and run again"
        )
    if record.spec is None or record.spec == spec or run_id_of(record.spec) == run_id_of(spec):
        return None
    return (
        f"{path} was made with another spec than {source} has for run {run_id}: one of the two "
        "was edited; restore it, or delete the run's directory and run again"
    )
