"""`failure.txt` in a run's directory: the error in one line, then its traceback.

The file exists only if the last attempt at the run failed.
"""

from __future__ import annotations

from pathlib import Path

from seqzoo.errors import RunError
from seqzoo.files import open_regular, write_whole

__all__ = ["clear_failure", "failure_path", "kind_of_failure", "read_failure", "write_failure"]


def failure_path(directory: Path) -> Path:
    """The failure file of a run's directory."""
    return directory / "failure.txt"


def write_failure(directory: Path, error: str, about: str, traceback: str) -> None:
    """Write the error into the run's directory; if that fails, the ledger still holds it.

    Args:
        directory: the run's directory.
        error: the error in one line.
        about: the run and the attempt.
        traceback: the full traceback, "" if there is none.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_whole(failure_path(directory), f"{error}\n\n{about}\n\n{traceback}")
    except (OSError, RunError):
        return


def clear_failure(directory: Path) -> None:
    """Delete the failure of an earlier attempt, once the run is done."""
    failure_path(directory).unlink(missing_ok=True)


def read_failure(directory: Path) -> str | None:
    """The error in one line, or None if the last attempt did not fail."""
    try:
        with open_regular(failure_path(directory)) as file:
            return file.readline().decode(errors="replace").strip()
    except OSError:
        return None


def kind_of_failure(error: str, run_id: str) -> str:
    """The error without the run's own id, equal for runs that fail in the same way.

    >>> kind_of_failure("run 0a1b diverged", "0a1b")
    'run RUN diverged'
    """
    return error.replace(run_id, "RUN") if run_id else error
