"""Open the files that a task's spec names, with errors in terms of the spec."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from seqzoo.errors import SpecError
from seqzoo.files import NotRegularError, open_regular

__all__ = ["check_path", "opened", "path_of"]


def check_path(text: str) -> str:
    """Check a path given in a spec; for validators.

    Raises:
        ValueError: it holds a null byte, or begins with the home of a user who does not exist.
    """
    if "\0" in text:
        raise ValueError("a path holds no null byte; remove the \\0")
    try:
        Path(text).expanduser()
    except RuntimeError:
        home = text.partition("/")[0]
        raise ValueError(
            f"there is no home folder {home}; write the whole path, or ./{text} for a file whose "
            "name begins with ~"
        ) from None
    return text


def path_of(text: str) -> Path:
    """The file that a checked path names; a relative one starts at the current directory."""
    return Path(text).expanduser()


@contextmanager
def opened(
    path: Path, *, kind: str, task: str, content: str, key: str = "path"
) -> Iterator[BinaryIO]:
    """Open a task's data file for reading, and turn a failure into an error of the spec.

    Args:
        path: the file.
        kind: how messages name it, such as "text file".
        task: the task's name.
        content: what the key should name, such as "text file" in "names one text file".
        key: the task's key that names it.

    Raises:
        SpecError: there is no such file, it is a folder, a pipe or a device, or it cannot be read.
    """
    try:
        with open_regular(path) as file:
            yield file
    except FileNotFoundError:
        where = "" if path.is_absolute() else f" (looked in {Path.cwd()})"
        raise SpecError(
            f"there is no {kind} {path}{where}; set `{key}` of task '{task}', for a grid with "
            f"--set base.task.{key}=FILE, for a run with --set task.{key}=FILE"
        ) from None
    except IsADirectoryError:
        raise SpecError(
            f"{path} is a folder; `{key}` of task '{task}' names one {content}"
        ) from None
    except NotRegularError as failure:
        raise SpecError(
            f"{path} is {failure.kind}; `{key}` of task '{task}' names one {content}, which is "
            "read more than once"
        ) from None
    except OSError as failure:
        raise SpecError(
            f"{kind} {path} cannot be read: {failure.strerror}; check its permissions"
        ) from None
