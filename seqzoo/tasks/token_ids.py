"""Token ids in order, in memory or in a file, read as windows.

A file is read by position and never mapped into memory. If another program truncates or overwrites
it during a run, that is an error; a mapped file would kill the process with a signal, or silently
return the new bytes.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqzoo.errors import RunError
from seqzoo.files import open_regular

__all__ = ["BLOCK", "FileIds", "Ids", "JoinedIds", "MemoryIds"]

BLOCK = 1 << 20


class Ids(Protocol):
    """A row of token ids."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def windows(self, starts: Tensor, width: int) -> Tensor:
        """Ids start ... start + width - 1 for each start; 0 before the first and after the last.

        Args:
            starts: (B,) int64.
            width: W.

        Returns:
            (B, W) int64.
        """
        ...


class MemoryIds:
    """Token ids in memory: a tensor (n,) of any integer dtype."""

    def __init__(self, ids: Tensor) -> None:
        self._ids = ids

    def __len__(self) -> int:
        return self._ids.numel()

    def windows(self, starts: Tensor, width: int) -> Tensor:
        """See `Ids`."""
        where = starts.unsqueeze(1) + torch.arange(width)
        known = (where >= 0) & (where < len(self))
        return self._ids[where.clamp(0, len(self) - 1)].long() * known


class JoinedIds:
    """The ids of one row, followed by those of another."""

    def __init__(self, first: Ids, second: Ids) -> None:
        self._first, self._second = first, second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def windows(self, starts: Tensor, width: int) -> Tensor:
        """See `Ids`."""
        size = len(self._first)
        ids = self._first.windows(starts, width)
        if len(starts) and int(starts.max()) + width > size:
            ids += self._second.windows(starts - size, width)  # each is 0 where the other is not
        return ids


class FileIds:
    """Token ids that stay in a file, little-endian and side by side.

    Args:
        path: the file.
        dtype: of the ids.
        kind: the file's name in errors, such as "text file".

    Attributes:
        fingerprint: BLAKE2b of the content, 16 hex digits.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
    """

    def __init__(self, path: Path, dtype: type[np.integer], kind: str) -> None:
        self._path, self._kind = path, kind
        self._dtype = np.dtype(dtype)
        self._handle = os.dup((file := open_regular(path)).fileno())
        file.close()
        weakref.finalize(self, os.close, self._handle)
        self._stamp = self._seen()
        self.fingerprint = self._hash()
        if self._seen() != self._stamp:
            raise self._changed()
        self._size = self._stamp[0] // self._dtype.itemsize

    def __len__(self) -> int:
        return self._size

    def windows(self, starts: Tensor, width: int) -> Tensor:
        """See `Ids`.

        Raises:
            RunError: the file's content is no longer what it was.
        """
        rows = self._read(starts.tolist(), width)
        while (seen := self._seen()) != self._stamp:
            # Someone wrote to it, or touched it. What was read may be new, so it is read again.
            if self._hash() != self.fingerprint:
                raise self._changed()
            self._stamp = seen
            rows = self._read(starts.tolist(), width)
        return torch.from_numpy(rows.astype(np.int64))

    def _read(self, starts: list[int], width: int) -> NDArray[np.integer]:
        rows = np.zeros((len(starts), width), dtype=self._dtype)
        size, whole = self._dtype.itemsize, rows.view(np.uint8).reshape(-1).data
        for row, start in enumerate(starts):
            first, stop = max(start, 0), min(start + width, self._size)
            if first < stop:
                place = row * width + first - start
                _read_at(self._handle, whole[place * size :][: (stop - first) * size], first * size)
        return rows

    def _seen(self) -> tuple[int, int, int]:
        """Size, modification and change time; the last cannot be set by a program."""
        status = os.fstat(self._handle)
        return status.st_size, status.st_mtime_ns, status.st_ctime_ns

    def _hash(self) -> str:
        digest, block, offset = hashlib.blake2b(digest_size=8), bytearray(BLOCK), 0
        while count := _read_at(self._handle, memoryview(block), offset):
            digest.update(memoryview(block)[:count])
            offset += count
        return digest.hexdigest()

    def _changed(self) -> RunError:
        return RunError(
            f"{self._kind} {self._path} was changed by another program while it was being read; "
            "restore the old file and run the same command to resume, or "
            "choose another --out to train on the new one"
        )


def _read_at(handle: int, into: memoryview, offset: int) -> int:
    """Read at a position until the buffer is full or the file ends; how many bytes were read."""
    done = 0
    while done < len(into):
        if hasattr(os, "preadv"):
            count = os.preadv(handle, [into[done:]], offset + done)
        else:  # Windows, where no process is forked that would share the position
            os.lseek(handle, offset + done, os.SEEK_SET)
            content = os.read(handle, len(into) - done)
            count = len(content)
            into[done : done + count] = content
        if count == 0:
            break
        done += count
    return done
