"""How a failed run says so in its own directory: `failure.txt`, one line and then the traceback.

The file is there as long as the last attempt at the run failed.
"""

from __future__ import annotations

from pathlib import Path

from seqzoo.grid.job import Job

__all__ = ["clear_failure", "failure_path", "kind_of_failure", "read_failure", "write_failure"]


def failure_path(directory: Path) -> Path:
    """The file of this run's directory."""
    return directory / "failure.txt"


def write_failure(job: Job, error: str, traceback: str) -> None:
    """Leave the error in the run's directory; where that cannot be written, the ledger has it."""
    text = f"{error}\n\n{job.label}, run {job.run_id}, attempt {job.attempt}\n\n{traceback}"
    try:
        job.directory.mkdir(parents=True, exist_ok=True)
        failure_path(job.directory).write_text(text, encoding="utf-8")
    except OSError:
        return


def clear_failure(directory: Path) -> None:
    """The run is done; what failed before does not count."""
    failure_path(directory).unlink(missing_ok=True)


def read_failure(directory: Path) -> str | None:
    """The error's one line, or None if the last attempt did not fail."""
    try:
        with failure_path(directory).open(encoding="utf-8", errors="replace") as file:
            return file.readline().strip()
    except OSError:
        return None


def kind_of_failure(error: str, run_id: str) -> str:
    """What runs that fail alike have in common: the error without the run's own id.

    >>> kind_of_failure("run 0a1b diverged", "0a1b")
    'run RUN diverged'
    """
    return error.replace(run_id, "RUN") if run_id else error
