"""Write files atomically: to a temporary name, forced to disk, then renamed.

And read files: only regular ones, since reading a pipe or a device may block.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from safetensors import SafetensorError

from seqzoo.errors import RunError

__all__ = [
    "NotRegularError",
    "force_to_disk",
    "open_regular",
    "read_regular",
    "write_output",
    "write_whole",
    "writing",
]


STREAM = re.compile(r"/dev/(?:(stdout|stderr)|fd/(\d{1,9}))")
RESUMES = "choose another folder. Files written before are whole; the same command resumes"


@contextmanager
def writing(path: Path, otherwise: str = RESUMES) -> Iterator[None]:
    """Turn the system's error on a failed write to `path` into a RunError.

    Args:
        path: the file or folder.
        otherwise: what to do if the cause cannot be fixed.

    Raises:
        RunError: the disk is full, the folder is read-only, the path goes through a file, ...
    """
    try:
        yield
    except (OSError, SafetensorError) as failure:
        cause = _system_error(failure)
        raise RunError(
            f"cannot write {path}: {getattr(cause, 'strerror', None) or cause}; {_remedy(cause)} "
            f"{otherwise}"
        ) from cause


def _remedy(cause: Exception) -> str:
    number = cause.errno if isinstance(cause, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT):
        return "free some space or"
    if number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "make it writable or"
    return "fix that or"


def _system_error(failure: OSError | SafetensorError) -> Exception:
    """The OSError, also one that safetensors reports only in its message."""
    number = re.search(r"\(os error (\d+)\)", str(failure))
    if isinstance(failure, OSError) or number is None:
        return failure
    return OSError(int(number[1]), os.strerror(int(number[1])))


def write_whole(path: Path, content: str | bytes, otherwise: str = RESUMES) -> None:
    """Replace a file atomically, text as UTF-8: readers see the old or the new content.

    Args:
        path: of the file.
        content: all of it.
        otherwise: as in `writing`.

    Raises:
        RunError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with writing(path, otherwise):
        try:
            draft.write_bytes(content.encode() if isinstance(content, str) else content)
            force_to_disk(draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def write_output(path: Path, content: str | bytes) -> None:
    """Write a file that a user named; text as UTF-8.

    A regular file is replaced whole, behind a symlink too, and keeps its permissions. Whatever else
    is there (a device, a FIFO, a socket) is written to, never replaced; so is a stream of this
    process (/dev/stdout, /dev/fd/3), to which a shell may append.

    Raises:
        RunError: it cannot be written.
    """
    elsewhere = "choose another file"
    with writing(path, elsewhere):
        data = content.encode() if isinstance(content, str) else content
        stream = _stream(path)
        if stream is not None:
            if sys.stdout is not None:
                sys.stdout.flush()  # what was printed before comes first
            with os.fdopen(os.dup(stream), "wb") as file:
                file.write(data)
            return
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.is_file():
            place = path.resolve()
            mode = place.stat().st_mode
            write_whole(place, content, elsewhere)
            place.chmod(stat.S_IMODE(mode))
        elif path.exists() or path.is_symlink():
            with path.open("wb") as file:
                file.write(data)
        else:
            write_whole(path, content, elsewhere)


def _stream(path: Path) -> int | None:
    """The open file of this process that a path names; None for any other path."""
    match = STREAM.fullmatch(os.path.normpath(path))
    if match is None:
        return None
    name, number = match.groups()
    return {"stdout": 1, "stderr": 2}[name] if name else int(number)


def force_to_disk(path: Path) -> None:
    """Force a file's or a folder's content to disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class NotRegularError(OSError):
    """The path names a pipe, a device or a socket, from which reading may never end."""

    def __init__(self, path: Path, kind: str) -> None:
        super().__init__(None, f"it is {kind}, not a regular file", str(path))
        self.kind = kind


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading without ever waiting for a writer.

    Raises:
        NotRegularError: the path names a pipe, a device or a socket.
        OSError: it cannot be opened; IsADirectoryError for a folder.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except OSError as failure:
        if failure.errno == errno.ENXIO:  # a socket, or a device that is not there
            raise NotRegularError(path, _kind(path.stat().st_mode) or "a special file") from None
        raise
    try:
        kind = _kind(os.fstat(handle).st_mode)
        if kind == "a folder":
            raise IsADirectoryError(None, "it is a folder", str(path))
        if kind:
            raise NotRegularError(path, kind)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: Path) -> bytes:
    """The content of a file.

    Raises:
        NotRegularError: the path names a pipe, a device or a socket.
        OSError: it cannot be read; IsADirectoryError for a folder.
    """
    with open_regular(path) as file:
        return file.read()


def _kind(mode: int) -> str:
    """What a path names, "" for a regular file."""
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFSOCK: "a socket",
    }
    return "" if stat.S_ISREG(mode) else kinds.get(stat.S_IFMT(mode), "a special file")
