"""The logger family: observers that a spec names, `train.loggers: [console, jsonl, ...]`."""

from __future__ import annotations

import difflib
from typing import Any, ClassVar

from rich.console import Console

from seqzoo.spec import Part, PartSpec
from seqzoo.train.record import Record
from seqzoo.train.watch import Watch

__all__ = ["Logger"]


class Logger(Part, Watch, family="logger"):
    """Reports one run somewhere.

    It is created before training begins: import optional libraries in `__init__`. An exception in
    `__init__` or `started` stops the run before its first step; an exception in any other method
    disables the logger with a warning, and the run continues.

    Attributes:
        essential: whether the run stops when the logger fails.
    """

    essential: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        heard = [each for each in vars(Watch) if not each.startswith("_")] + ["found", "close"]
        if "name" not in vars(cls) or any(
            getattr(cls, each) is not getattr(Logger, each) for each in heard
        ):
            return
        for own in vars(cls):
            for meant in difflib.get_close_matches(own, heard, n=1, cutoff=0.75):
                raise TypeError(
                    f"part {cls.__module__}.{cls.__qualname__}: its methods are never called; "
                    f"rename {own} to {meant}?"
                )

    def __init__(self, spec: PartSpec, console: Console | None = None) -> None:
        """Make a logger of one run.

        Args:
            spec: its settings.
            console: where to print; None for nowhere.

        Raises:
            SpecError: it cannot work here, for example because a library is missing.
        """
        self.spec = spec
        self.console = console

    def found(self, record: Record) -> None:
        """The run had already finished; after this only `close` is called."""

    def close(self) -> None:
        """The run ended, stopped or failed; called once, whether it had started or not."""
