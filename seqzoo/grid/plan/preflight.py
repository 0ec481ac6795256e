"""Check this machine for what the runs need, before the first one starts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from seqzoo.errors import SpecError
from seqzoo.grid.labels import run_label

if TYPE_CHECKING:
    from seqzoo.grid.plan.expansion import PlannedRun
    from seqzoo.spec import PartSpec

__all__ = ["refuse_missing_loggers"]


def refuse_missing_loggers(runs: Iterable[PlannedRun]) -> None:
    """Create and close each distinct logger once, as a run would before its first step.

    Raises:
        SpecError: a logger cannot work here, for example because its library is missing; the
            message names the first run that needs it.
    """
    made: set[PartSpec] = set()
    for run in runs:
        for logger in run.spec.train.loggers:
            if logger in made:
                continue
            try:
                logger.build(None)
            except SpecError as failure:
                label = run_label(run.variant, run.point, run.seed)
                raise SpecError(f"{label}: {failure}; no run was started") from None
            made.add(logger)
