"""All loggers of a run as one watch, guarded against those that fail."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console

from seqzoo.errors import RunError, SeqzooError
from seqzoo.escape import rich_text
from seqzoo.spec import PartSpec
from seqzoo.spec.run import RunSpec
from seqzoo.train.facts import Facts
from seqzoo.train.loggers.logger import Logger
from seqzoo.train.record import Record
from seqzoo.train.watch import Watch

__all__ = ["Loggers"]


class Loggers(Watch):
    """Calls each logger in turn, and then the caller's own watch.

    A logger that fails is disabled with one warning, unless it is essential; the caller's watch is
    not guarded. Use it in a `with` block, which closes the loggers.

    Args:
        specs: which loggers, in the order they are called.
        console: for loggers and warnings; None sends these to `warnings`.
        watch: the caller's.

    Raises:
        SpecError: a logger cannot work here.
    """

    def __init__(self, specs: Sequence[PartSpec], console: Console | None, watch: Watch) -> None:
        self._loggers: list[Logger] = [spec.build(console) for spec in specs]
        self._console = console
        self._watch = watch

    def __enter__(self) -> Loggers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._tell(lambda logger: logger.close())

    def started(self, spec: RunSpec, facts: Facts) -> None:
        """An error here stops the run, since nothing is lost yet.

        Raises:
            RunError: a logger cannot start.
        """
        for logger in self._loggers:
            try:
                logger.started(spec, facts)
            except SeqzooError:
                raise
            except Exception as failure:  # loggers may be anyone's
                raise RunError(
                    f"logger '{logger.name}' cannot start: {_said(failure)}; fix that, or leave "
                    "it out of train.loggers"
                ) from failure
        self._watch.started(spec, facts)

    def logged(self, row: dict[str, Any]) -> None:
        """Passes it on."""
        self._tell(lambda logger: logger.logged(row))
        self._watch.logged(row)

    def evaluated(self, row: dict[str, Any]) -> None:
        """Passes it on."""
        self._tell(lambda logger: logger.evaluated(row))
        self._watch.evaluated(row)

    def saving(self, step: int) -> None:
        """Passes it on."""
        self._tell(lambda logger: logger.saving(step))
        self._watch.saving(step)

    def saved(self, step: int) -> None:
        """Passes it on."""
        self._tell(lambda logger: logger.saved(step))
        self._watch.saved(step)

    def finished(self, record: Record) -> None:
        """Passes it on."""
        self._tell(lambda logger: logger.finished(record))
        self._watch.finished(record)

    def found(self, record: Record) -> None:
        """Calls `found` of loggers, and `finished` of the watch."""
        self._tell(lambda logger: logger.found(record))
        self._watch.finished(record)

    def _tell(self, tell: Callable[[Logger], None]) -> None:
        for logger in tuple(self._loggers):
            try:
                tell(logger)
            except Exception as failure:  # loggers may be anyone's, and break in any way
                if logger.essential:
                    raise
                self._loggers.remove(logger)
                self._warn(f"logger '{logger.name}' failed and is switched off: {_said(failure)}")

    def _warn(self, text: str) -> None:
        if self._console is None:
            warnings.warn(text, RuntimeWarning, stacklevel=2)
        else:
            self._console.print(rich_text(f"warning: {text}"), highlight=False, soft_wrap=True)


def _said(failure: Exception) -> str:
    """What went wrong, on one line."""
    kind = "" if isinstance(failure, SeqzooError) else f"{type(failure).__name__}: "
    return kind + " ".join(str(failure).split())
