"""A text file as small integers: its bytes, or indices of its sorted alphabet.

Bytes stay in the file. Characters become one byte each where 256 or fewer differ, four bytes
otherwise; the file is read a mebibyte at a time.

The held-out part begins at a byte of the file, moved back to the start of its character, so that
all units hold out the same text.
"""

from __future__ import annotations

import codecs
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqzoo.errors import SpecError, counted
from seqzoo.tasks.data_file import opened
from seqzoo.tasks.token_ids import FileIds, Ids, MemoryIds

__all__ = [
    "Bytes",
    "Characters",
    "changed_meanwhile",
    "held_out_from",
    "read_blocks",
    "read_bytes",
    "read_characters",
    "read_text",
]

CHUNK = 1 << 20
CODE_POINTS = 0x110000
LONGEST_CHARACTER = 4  # bytes of UTF-8


@dataclass(frozen=True)
class Bytes:
    """A file as bytes: token ids 0 ... 255.

    Attributes:
        ids: of the whole file.
        fingerprint: changes when the file's content does.
    """

    ids: Ids
    fingerprint: str
    vocab_size: int = 256

    def held_out_from(self, share: float) -> int:
        """The first token of the last `share` of the file's bytes, at the start of a character."""
        cut = held_out_from(len(self.ids), share)
        back = LONGEST_CHARACTER - 1
        tail = self.ids.windows(torch.tensor([cut - back]), LONGEST_CHARACTER)[0].tolist()
        for steps, byte in enumerate(reversed(tail)):
            if byte & 0xC0 != 0x80:  # no continuation of a character
                return max(0, cut - steps)
        return cut

    def bytes_of(self, ids: Tensor) -> Tensor:
        """UTF-8 bytes in tokens of any shape: scalar int64."""
        return torch.full((), ids.numel(), device=ids.device)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text."""
        return list(text.encode())

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids; bytes that are not UTF-8 become the replacement character."""
        return bytes(ids).decode(errors="replace")


@dataclass(frozen=True)
class Characters:
    """A file as characters: token id i is the i-th smallest character that occurs in it.

    Attributes:
        ids: of the whole file.
        fingerprint: changes when the file's content does.
        alphabet: the characters, sorted.
        lengths: (vocab_size,) int64, UTF-8 bytes of each.
    """

    ids: Ids
    fingerprint: str
    alphabet: str
    lengths: Tensor

    @property
    def vocab_size(self) -> int:
        """Number of different characters."""
        return len(self.alphabet)

    def held_out_from(self, share: float) -> int:
        """The first token of the last `share` of the file's bytes, at the start of a character."""
        blocks = range(0, len(self.ids), CHUNK)
        sizes = [int(self._bytes_from(start).sum()) for start in blocks]
        cut = held_out_from(sum(sizes), share)
        for start, size in zip(blocks, sizes, strict=True):
            if cut < size:
                return start + int((self._bytes_from(start).cumsum(0) <= cut).sum())
            cut -= size
        raise AssertionError("the cut lies within the file")

    def _bytes_from(self, start: int) -> Tensor:
        """UTF-8 bytes of each character of a block."""
        width = min(CHUNK, len(self.ids) - start)
        return self.lengths[self.ids.windows(torch.tensor([start]), width)[0]]

    def bytes_of(self, ids: Tensor) -> Tensor:
        """UTF-8 bytes in tokens of any shape: scalar int64."""
        return self.lengths.to(ids.device)[ids].sum()

    def encode(self, text: str) -> list[int]:
        """Token ids of a text.

        Raises:
            SpecError: a character that the file does not hold.
        """
        places = {character: place for place, character in enumerate(self.alphabet)}
        unknown = sorted(set(text) - places.keys())
        if unknown:
            raise SpecError(
                f"the model knows no {', '.join(map(repr, unknown))}: its "
                f"{counted(len(places), 'character')} are those of its training text; "
                f"known: {self.alphabet!r}"
            )
        return [places[character] for character in text]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        return "".join(self.alphabet[place] for place in ids)


def held_out_from(size: int, share: float) -> int:
    """The first byte of the last `share` of `size` bytes, which is one byte at least."""
    return size - max(1, int(size * share))


def read_bytes(path: Path) -> Bytes:
    """The bytes of a file, which stay on disk.

    Raises:
        SpecError: no readable file, or an empty one.
        RunError: another program writes to it.
    """
    with _open(path):
        ids = FileIds(path, np.uint8, "text file")
    return Bytes(ids, ids.fingerprint)


def read_characters(*paths: Path) -> list[Characters]:
    """The characters of UTF-8 files, all in one alphabet: that of the characters in any of them.

    Raises:
        SpecError: no readable file, an empty one, or one that is not UTF-8.
    """
    occurs, seen = np.zeros(CODE_POINTS, dtype=bool), []
    for path in paths:
        digest, count = hashlib.blake2b(digest_size=8), 0
        for points in _code_points(path, digest):
            occurs[points] = True
            count += len(points)
        seen.append((path, count, digest.hexdigest()))
    found = np.flatnonzero(occurs)
    dtype = np.uint8 if len(found) <= 256 else np.int32
    place = np.zeros(CODE_POINTS, dtype=dtype)
    place[found] = np.arange(len(found), dtype=dtype)
    alphabet = "".join(map(chr, found))
    lengths = torch.tensor([len(character.encode()) for character in alphabet])
    return [
        Characters(MemoryIds(_placed(path, count, place, digest)), digest, alphabet, lengths)
        for path, count, digest in seen
    ]


def _placed(path: Path, count: int, place: NDArray[Any], digest: str) -> Tensor:
    """Each of a file's `count` characters as its place in the alphabet, (count,)."""
    ids, filled = np.empty(count, dtype=place.dtype), 0
    again = hashlib.blake2b(digest_size=8)
    for points in _code_points(path, again):
        ids[filled : filled + len(points)] = place[points[: count - filled]]
        filled += len(points)
    if again.hexdigest() != digest:
        raise changed_meanwhile(path)
    return torch.from_numpy(ids)


def changed_meanwhile(path: Path) -> SpecError:
    """The error for a file that changed between two readings."""
    return SpecError(
        f"text file {path} was changed by another program while it was being read; "
        "run the same command again when nothing writes to it"
    )


def _code_points(path: Path, digest: hashlib.blake2b) -> Iterator[np.ndarray]:
    """The file's characters as arrays of uint32, in order."""
    for text in read_text(path, digest):
        yield np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)


def read_text(path: Path, digest: hashlib.blake2b | None = None) -> Iterator[str]:
    """The text of a UTF-8 file, about a mebibyte at a time, line ends as they are.

    Args:
        path: the file.
        digest: updated with every byte.

    Raises:
        SpecError: no readable file, an empty one, or one that is not UTF-8.
    """
    decoder, read = codecs.getincrementaldecoder("utf-8")(), 0
    try:
        for block in read_blocks(path):
            if digest is not None:
                digest.update(block)
            text = decoder.decode(block)
            read += len(block)
            yield text
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as failure:
        # The decoder's buffer holds at most 3 bytes of the block before; close enough to look.
        raise SpecError(
            f"text file {path} is not UTF-8: {failure.reason} near byte {read + failure.start:,}; "
            "use `unit: byte`, which takes any file, or convert the file"
        ) from None


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    with opened(path, kind="text file", task="text", content="text file") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise SpecError(f"text file {path} is empty; give a file with text")
        yield file


def read_blocks(path: Path) -> Iterator[bytes]:
    """The file's bytes, a mebibyte at a time.

    Raises:
        SpecError: no readable file, or an empty one.
    """
    with _open(path) as file:
        while block := file.read(CHUNK):
            yield block
