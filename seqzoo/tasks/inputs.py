"""Fingerprints of files, computed again only when a file's size or times change."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from seqzoo.files import open_regular

__all__ = ["fingerprint_of"]

BLOCK = 1 << 20


def fingerprint_of(path: Path) -> str | None:
    """BLAKE2b of a file's content, 16 hex digits; None where there is no file that can be read.

    A file whose size and times are as they were is not read again in the same process.
    """
    try:
        status = path.stat()
        return _hashed(path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=1024)
def _hashed(path: Path, *_state: int) -> str:
    digest = hashlib.blake2b(digest_size=8)
    with open_regular(path) as file:
        before = os.fstat(file.fileno())
        while block := file.read(BLOCK):
            digest.update(block)
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_ctime_ns) != (after.st_size, after.st_ctime_ns):
        raise OSError(None, "it changed while it was read", str(path))
    return digest.hexdigest()
