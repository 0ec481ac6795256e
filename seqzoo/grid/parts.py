"""The built-in executors."""

from __future__ import annotations

from collections.abc import Callable

from seqzoo.grid.local import LocalExecutor
from seqzoo.grid.ray_cluster import RayExecutor
from seqzoo.registry import hookimpl
from seqzoo.spec import Part

__all__ = ["register_parts"]


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """Register the executors."""
    register(LocalExecutor)
    register(RayExecutor)
