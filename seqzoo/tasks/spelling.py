"""Decode generated tokens to text, one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["Spelling"]

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
LONGEST_CHARACTER = 4  # bytes of UTF-8
CONTEXT = 16  # tokens before a piece that may change how it is spelt


class Spelling:
    """The text that continues a prompt; a character of several tokens appears once it is complete.

    A token may be spelt differently at the start of a text (without its space), so tokens are
    decoded together with those before them. Tokens that end in the middle of a character decode to
    replacement characters, one in all or one for each byte. As many as can belong to one character
    are held back, since the next token may complete it.

    Args:
        decode: token ids -> text.
        prompt: ids of the prompt.

    Attributes:
        pieces: the text returned so far.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], prompt: Sequence[int]) -> None:
        self._decode = decode
        self._before, self._pending = self._context(prompt), list[int]()
        self._written = 0  # characters of the pending tokens that were handed out
        self.pieces: list[str] = []

    def __call__(self, token: int) -> str:
        """The text that is certain once this token is known."""
        self._pending.append(token)
        text = self._spelt(self._before, self._pending)
        if not text.endswith(REPLACEMENT):
            return self._all_of(text)
        unfinished = len(text) - len(text.rstrip(REPLACEMENT))
        piece = self._write(text[: -min(unfinished, LONGEST_CHARACTER - 1)])
        self._settle(text)
        return piece

    def rest(self) -> str:
        """What was held back."""
        return self._all_of(self._spelt(self._before, self._pending))

    def _spelt(self, before: Sequence[int], tokens: Sequence[int]) -> str:
        whole, known = self._decode([*before, *tokens]), self._decode(before)
        if whole.startswith(known):
            return whole[len(known) :]
        return self._decode(tokens)  # with them, the decoder would spell the others otherwise

    def _context(self, tokens: Sequence[int]) -> list[int]:
        """The last tokens, from the start of a character on.

        If they began inside a character, a decoder could reject all bytes that follow.
        """
        kept = list(tokens[-CONTEXT:])
        if len(kept) < len(tokens):
            for start in range(LONGEST_CHARACTER):
                if not self._decode(kept[start:]).startswith(REPLACEMENT):
                    return kept[start:]
        return kept

    def _all_of(self, text: str) -> str:
        piece = self._write(text)
        self._before = self._context(self._before + self._pending)
        self._pending, self._written = [], 0
        return piece

    def _write(self, text: str) -> str:
        piece = text[self._written :]
        self._written = max(self._written, len(text))
        self.pieces.append(piece)
        return piece

    def _settle(self, text: str) -> None:
        """Keep pending only as many tokens as the unfinished character at the end can have."""
        for count in range(1, LONGEST_CHARACTER):
            settled, rest = self._pending[:-count], self._pending[-count:]
            if not settled:
                return
            before = self._context(self._before + settled)
            head, tail = self._spelt(self._before, settled), self._spelt(before, rest)
            if head + tail == text and len(head) <= self._written:
                self._before, self._pending = before, rest
                self._written -= len(head)
                return
