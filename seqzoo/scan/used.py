"""Report which backends computed a scan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

__all__ = ["Used", "note", "watching"]


class Used(NamedTuple):
    """A backend that computed something.

    Attributes:
        operation: `scan`, or what else has backends to choose among.
        backend: its name.
        reasons: a sentence for each backend that was asked: why it was picked, or why not.
    """

    operation: str
    backend: str
    reasons: tuple[str, ...]


_watchers: list[dict[Used, None]] = []


@contextmanager
def watching() -> Iterator[dict[Used, None]]:
    """Collect which backends compute while this lasts: the keys, each once, in order."""
    seen: dict[Used, None] = {}
    _watchers.append(seen)
    try:
        yield seen
    finally:
        _watchers.remove(seen)


def note(operation: str, backend: str, reasons: tuple[str, ...] = ()) -> None:
    """Report that a backend computes; does nothing unless somebody is watching."""
    for seen in _watchers:
        seen[Used(operation, backend, reasons)] = None
