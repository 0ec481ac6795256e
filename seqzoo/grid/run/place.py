"""Check the directory of a grid: whether a grid may use it, and whether it still exists."""

from __future__ import annotations

from pathlib import Path

from seqzoo.errors import DirectoryError, RunError
from seqzoo.grid.plan.plan import plan_path

__all__ = ["clear_drafts", "refuse_missing_directory", "refuse_run_directory"]

RUN_FILES = ("spec.yaml", "record.json", "metrics.jsonl", "checkpoint")


def refuse_run_directory(directory: Path) -> None:
    """Check that it is no file, not a run's directory, nor inside a grid's folder of runs.

    Raises:
        DirectoryError: it is.
    """
    try:
        is_grid = plan_path(directory).exists()
    except OSError as failure:  # such as a name that is too long
        raise DirectoryError(
            f"{directory}: cannot be used ({failure.strerror}); choose another --out"
        ) from None
    if is_grid:
        return
    if directory.is_file():
        raise DirectoryError(f"{directory} is a file; --out names a folder")
    found = [name for name in RUN_FILES if (directory / name).exists()]
    if found:
        raise DirectoryError(
            f"{directory} holds a run ({found[0]}); choose another --out for a grid"
        )
    for outer in list(directory.absolute().parents)[:2]:
        if plan_path(outer).exists() and directory.absolute().relative_to(outer).parts[0] == "runs":
            raise DirectoryError(
                f"{directory} lies among the runs of the grid in {outer}; choose another --out"
            )


def refuse_missing_directory(directory: Path) -> None:
    """Check that a grid's directory still exists.

    Raises:
        RunError: it was moved or deleted while the grid was running.
    """
    if not plan_path(directory).exists():
        raise RunError(
            f"{plan_path(directory)} is gone: the directory was moved or deleted while the grid "
            "worked. Put it back and run the same command again: it resumes"
        )


def clear_drafts(directory: Path) -> None:
    """Remove unfinished files of killed processes. Call it while no other process writes."""
    for draft in directory.glob(".plan.json.*"):
        draft.unlink(missing_ok=True)
