"""Whether a record is that of the run it lies with: directories are copied, renamed and edited."""

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
    """What is wrong with a record whose run id or spec is another run's; None if it belongs here.

    Args:
        path: of the record.
        record: as it was read; one without a spec is judged by its run id.
        run_id: of the run that should be here.
        spec: of that run, resolved.
        source: where these two are written, such as `plan.json`.
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
