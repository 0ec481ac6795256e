"""The sampler family: chooses the next trial of a tuned cell.

A sampler sees one cell at a time, as a `Study`: its search space, and the results of the trials so
far. The grid does the rest: it makes a run of each proposal, keeps plan and ledger, and picks the
best trial. So a sampler is correct if its next proposal depends on the study alone, whichever
process asks.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from seqzoo.grid.tune.space import Choices, Range, Space
from seqzoo.spec import Part, PartSpec, since

__all__ = ["Sampler", "Study", "Trial"]


@dataclass(frozen=True)
class Trial:
    """One proposal and its result.

    Attributes:
        number: from 0, in the order proposed.
        values: path -> value.
        state: open until its run has ended.
        metric: its run's metric, None unless it is done.
    """

    number: int
    values: Mapping[str, Any]
    state: Literal["open", "done", "failed"]
    metric: float | None = None


@dataclass(frozen=True)
class Study:
    """One cell of a grid that is being tuned.

    Attributes:
        name: unique to the cell, and the same in every process.
        space: the paths that this cell has.
        higher_is_better: the direction of its task's metric.
        trials: in the order proposed.
    """

    name: str
    space: Space
    higher_is_better: bool
    trials: tuple[Trial, ...]


class Sampler(Part, family="sampler"):
    """Chooses the values of the next trial. Each process of a grid creates one and keeps it."""

    class Spec(PartSpec):
        """Settings every sampler has.

        Attributes:
            trials: runs to tune each variant with, at most, at each point of the axes.
            space: path -> {low, high, log} or a list of values.
            seed: of the trials' runs; null for the first of the grid's seeds, so that the best
                trial is itself the comparison's run of that seed.
            until_target: no more trials of a cell in which one met the target of `train.stop`:
                later ones would end near it too.
        """

        trials: PositiveInt = Field(examples=[8])
        space: Annotated[dict[str, Range | Choices], Field(min_length=1)] = Field(
            examples=[{"train.optimizer.lr": [1e-3, 3e-3]}]
        )
        seed: NonNegativeInt | None = None
        until_target: bool = since("0.2", False)

    spec: Spec

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    @abstractmethod
    def propose(self, study: Study, directory: Path) -> Mapping[str, Any]:
        """Path -> value of trial number `len(study.trials)`, for every path of the study's space.

        Only one process of a grid calls this at a time. The proposal must be valid whatever the
        grid's directory holds: a process may die before it writes anything there.

        Args:
            study: the cell.
            directory: the grid's.
        """
