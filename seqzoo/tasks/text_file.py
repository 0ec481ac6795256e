"""A text file as a row of small integers: bytes, or the sorted characters that occur in it.

Bytes stay in the file and are mapped into memory. Characters become one byte each where 256 or
fewer differ, four bytes otherwise; the file is read a mebibyte at a time.
"""

from __future__ import annotations

import codecs
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seqzoo.errors import SpecError, counted
from seqzoo.tasks.data_file import reading

__all__ = ["Bytes", "Characters", "read_blocks", "read_bytes", "read_characters", "read_text"]

CHUNK = 1 << 20
CODE_POINTS = 0x110000


@dataclass(frozen=True)
class Bytes:
    """A file as bytes: token ids 0 ... 255.

    Attributes:
        ids: (n,) uint8.
        fingerprint: changes when the file's content does.
    """

    ids: Tensor
    fingerprint: str
    vocab_size: int = 256

    def bytes_of(self, ids: Tensor) -> Tensor:
        """UTF-8 bytes in tokens of any shape: scalar int64."""
        return torch.full((), ids.numel(), device=ids.device)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text."""
        return list(text.encode())

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids; bytes that are no UTF-8 become the replacement character."""
        return bytes(ids).decode(errors="replace")


@dataclass(frozen=True)
class Characters:
    """A file as characters: token id i is the i-th smallest character that occurs in it.

    Attributes:
        ids: (n,) uint8 or int32.
        fingerprint: changes when the file's content does.
        alphabet: the characters, sorted.
        lengths: (vocab_size,) int64, UTF-8 bytes of each.
    """

    ids: Tensor
    fingerprint: str
    alphabet: str
    lengths: Tensor

    @property
    def vocab_size(self) -> int:
        """Number of different characters."""
        return len(self.alphabet)

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


def read_bytes(path: Path) -> Bytes:
    """The bytes of a file, mapped into memory.

    Raises:
        SpecError: no readable file, or an empty one.
    """
    digest, size = hashlib.blake2b(digest_size=8), 0
    for block in read_blocks(path):
        digest.update(block)
        size += len(block)
    ids = torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8)
    return Bytes(ids, digest.hexdigest())


def read_characters(path: Path) -> Characters:
    """The characters of a UTF-8 file.

    Raises:
        SpecError: no readable file, an empty one, or one that is no UTF-8.
    """
    digest, count = hashlib.blake2b(digest_size=8), 0
    occurs = np.zeros(CODE_POINTS, dtype=bool)
    for block in read_blocks(path):
        digest.update(block)
    for points in _code_points(path):
        occurs[points] = True
        count += len(points)
    found = np.flatnonzero(occurs)
    dtype = np.uint8 if len(found) <= 256 else np.int32
    place = np.zeros(CODE_POINTS, dtype=dtype)
    place[found] = np.arange(len(found), dtype=dtype)
    ids, filled = np.empty(count, dtype=dtype), 0
    for points in _code_points(path):
        ids[filled : filled + len(points)] = place[points]
        filled += len(points)
    alphabet = "".join(map(chr, found))
    lengths = torch.tensor([len(character.encode()) for character in alphabet])
    return Characters(torch.from_numpy(ids), digest.hexdigest(), alphabet, lengths)


def _code_points(path: Path) -> Iterator[np.ndarray]:
    """The file's characters as arrays of uint32, in order."""
    for text in read_text(path):
        yield np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)


def read_text(path: Path) -> Iterator[str]:
    """The text of a UTF-8 file, about a mebibyte at a time, line ends as they are.

    Raises:
        SpecError: no readable file, an empty one, or one that is no UTF-8.
    """
    decoder, read = codecs.getincrementaldecoder("utf-8")(), 0
    try:
        for block in read_blocks(path):
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


def read_blocks(path: Path) -> Iterator[bytes]:
    """The file's bytes, a mebibyte at a time.

    Raises:
        SpecError: no readable file, or an empty one.
    """
    told = reading(path, kind="text file", task="text", content="text file")
    with told, path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise SpecError(f"text file {path} is empty; give a file with text in `path`")
        while block := file.read(CHUNK):
            yield block
