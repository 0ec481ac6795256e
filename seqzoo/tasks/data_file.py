"""What the system says about a task's data file, told as an error of the spec."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seqzoo.errors import SpecError

__all__ = ["reading"]


@contextmanager
def reading(path: Path, *, kind: str, task: str, content: str) -> Iterator[None]:
    """Turn a failure to open or read `path` into a SpecError with the next step.

    Args:
        path: the file that the task's key `path` names.
        kind: what messages call it, such as "text file".
        task: the task's name.
        content: what the key should name, such as "text file" in "names one text file".

    Raises:
        SpecError: there is no such file, it is a folder, or it cannot be read.
    """
    try:
        yield
    except FileNotFoundError:
        where = "" if path.is_absolute() else f" (looked in {Path.cwd()})"
        raise SpecError(
            f"there is no {kind} {path}{where}; set `path` of task '{task}', for a grid with "
            "--set base.task.path=FILE, for a run with --set task.path=FILE"
        ) from None
    except IsADirectoryError:
        raise SpecError(
            f"{path} is a folder; `path` of task '{task}' names one {content}"
        ) from None
    except OSError as failure:
        raise SpecError(
            f"{kind} {path} cannot be read: {failure.strerror}; check its permissions"
        ) from None
