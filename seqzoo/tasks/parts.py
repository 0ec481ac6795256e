"""The built-in tasks, registered by the road that plugins take."""

from __future__ import annotations

from collections.abc import Callable

from seqzoo.registry.hookspecs import hookimpl
from seqzoo.spec import Part
from seqzoo.tasks.local_xor import LocalXor
from seqzoo.tasks.mqar import Mqar
from seqzoo.tasks.parity import Parity
from seqzoo.tasks.text import Text

__all__ = ["register_tasks"]


@hookimpl
def register_tasks(register: Callable[[type[Part]], None]) -> None:
    """Register every built-in task."""
    for task in (LocalXor, Mqar, Parity, Text):
        register(task)
