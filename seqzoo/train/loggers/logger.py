"""The logger family: a watch that a spec names, `train.loggers: [console, jsonl, ...]`."""

from __future__ import annotations

from typing import ClassVar

from rich.console import Console

from seqzoo.spec import Part, PartSpec
from seqzoo.train.record import Record
from seqzoo.train.watch import Watch

__all__ = ["Logger"]


class Logger(Part, Watch, family="logger"):
    """Is told what happens in one run, and writes it somewhere.

    It is made before training begins: the place to import a library that not everyone has. What
    `__init__` and `started` raise stops the run before its first step; what any other method raises
    sets the logger aside with a warning, and the run goes on.

    Attributes:
        essential: whether the run stops, too, when the logger breaks.
    """

    essential: ClassVar[bool] = False

    def __init__(self, spec: PartSpec, console: Console | None = None) -> None:
        """Make a logger of one run.

        Args:
            spec: its settings.
            console: where a person looks on; None if nobody does.

        Raises:
            SpecError: it cannot work here, such as for want of a library.
        """
        self.spec = spec
        self.console = console

    def found(self, record: Record) -> None:
        """The run had finished before; the logger is told nothing else of it."""

    def close(self) -> None:
        """The run ended, stopped or failed; called once, whether it had started or not."""
