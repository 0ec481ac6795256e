"""Tokenize a long text piece by piece, with the result of tokenizing it whole.

A token can depend on the text around it: normalisers strip or compose, pre-tokenizers put a space
before the first word. So neighbouring pieces overlap, and are joined in the middle of the overlap
if both have the same tokens at the same places there. If they differ, the two are encoded again as
one piece; in the worst case that is the whole text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Encode", "tokenized"]

PIECE = 1 << 20  # characters from one piece's start to the next
OVERLAP = 1 << 13
FEWEST = 4  # equal tokens in the middle half of an overlap

Encode = Callable[[str], tuple[Sequence[int], Sequence[tuple[int, int]]]]
"""Text -> token ids, and the characters (begin, end) that each stands for."""

Tokens = tuple[NDArray[np.int32], NDArray[np.int64]]


def tokenized(blocks: Iterator[str], encode: Encode) -> Iterator[Tokens]:
    """The tokens of a text that comes in blocks of any size.

    Yields:
        ids (n,) int32, and begins (n,) int64: the UTF-8 bytes of text before each token.
    """
    before: _Piece | None = None
    for start, bytes_before, text in _overlapping(blocks):
        piece = _encoded(start, bytes_before, text, encode)
        if before is None:
            before = piece
            continue
        joint = _joint(before, piece)
        if joint is None:
            whole = before.text[: start - before.start] + text
            merged = _encoded(before.start, before.bytes_before, whole, encode)
            merged.first = before.first
            before = merged
            continue
        stop, piece.first = joint
        yield before.tokens(stop)
        before = piece
    if before is not None:
        yield before.tokens(len(before.ids))


@dataclass
class _Piece:
    """A piece of the text and its tokens.

    Attributes:
        start: characters of the whole text before it.
        bytes_before: UTF-8 bytes of the whole text before it.
        text: its characters.
        ids: (n,) int32.
        places: (n, 2) int64, the characters of the whole text that each token stands for.
        first: the first of its own tokens; earlier ones belong to the piece before.
    """

    start: int
    bytes_before: int
    text: str
    ids: NDArray[np.int32]
    places: NDArray[np.int64]
    first: int = 0

    def tokens(self, stop: int) -> Tokens:
        """Its own tokens up to number `stop`, and where in the whole text each begins."""
        points = np.frombuffer(self.text.encode("utf-32-le"), dtype=np.uint32)
        widths = 1 + (points > 0x7F) + (points > 0x7FF).astype(np.int64) + (points > 0xFFFF)
        bytes_before = self.bytes_before + np.concatenate(([0], widths.cumsum()))
        own = slice(self.first, stop)
        return self.ids[own], bytes_before[self.places[own, 0] - self.start]


def _encoded(start: int, bytes_before: int, text: str, encode: Encode) -> _Piece:
    ids, offsets = encode(text)
    places = np.array(offsets, dtype=np.int64).reshape(-1, 2) + start
    return _Piece(start, bytes_before, text, np.array(ids, dtype=np.int32), places)


def _overlapping(blocks: Iterator[str]) -> Iterator[tuple[int, int, str]]:
    """Pieces, each with the characters and the bytes before it."""
    start = bytes_before = 0
    rest = ""
    for block in blocks:
        rest += block
        while len(rest) >= PIECE + OVERLAP:
            yield start, bytes_before, rest[: PIECE + OVERLAP]
            start, bytes_before = start + PIECE, bytes_before + len(rest[:PIECE].encode())
            rest = rest[PIECE:]
    if rest:
        yield start, bytes_before, rest


def _joint(before: _Piece, after: _Piece) -> tuple[int, int] | None:
    """Where to join two pieces: the token's index in each; None if they differ."""
    stop = before.start + len(before.text)
    margin = (stop - after.start) // 4
    middle = (after.start + margin, stop - margin)
    ranges = []
    for piece in (before, after):
        begins = np.maximum.accumulate(piece.places[:, 0])
        ranges.append(slice(*np.searchsorted(begins, middle)))
    old, new = ranges
    same = np.array_equal(before.ids[old], after.ids[new]) and np.array_equal(
        before.places[old], after.places[new]
    )
    count = int(old.stop - old.start)
    if not same or count < FEWEST or old.start < before.first:
        return None
    return int(old.start) + count // 2, int(new.start) + count // 2
