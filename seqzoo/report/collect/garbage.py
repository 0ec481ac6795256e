"""Pause Python's garbage collector while thousands of records are read."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_at_rest"]


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Pause the cyclic garbage collector; a context manager and a decorator.

    Records contain no cycles, and searching them again after every few thousand allocations takes
    longer than reading them.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
