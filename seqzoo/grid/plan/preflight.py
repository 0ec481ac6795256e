"""What the runs of a grid need of this machine, looked for before the first of them starts."""

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
    """Make each different logger once and let it go, as a run would just before its first step.

    Raises:
        SpecError: one cannot work here, such as for want of its library; the message says which
            run is the first to want it.
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
