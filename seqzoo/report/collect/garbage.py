"""Python's garbage collector, at rest while ten thousand records are read."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_at_rest"]


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Nothing is searched for cycles in here, nor in functions that this decorates.

    Records hold none, and looking for them again with every few thousand new objects takes longer
    than reading them does.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
