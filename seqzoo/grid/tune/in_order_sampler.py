"""The sampler of lists: grid search, in the order in which the values are written."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import prod
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from seqzoo.grid.tune.samplers import Sampler, Study
from seqzoo.grid.tune.space import Choices, Range, Space

__all__ = ["InOrderSampler"]


class InOrderSampler(Sampler):
    """The listed values in the order written; of several paths all combinations."""

    name = "in_order"

    class Spec(Sampler.Spec):
        """Settings of the sampler.

        Attributes:
            space: path -> a list of values, the likeliest first; of several paths the last one
                varies fastest.
        """

        space: Annotated[dict[str, Range | Choices], Field(min_length=1)] = Field(
            examples=[{"train.optimizer.lr": [1e-3, 3e-3]}]
        )

        @field_validator("space")
        @classmethod
        def _lists_enough(
            cls, space: dict[str, Range | tuple[Any, ...]], info: ValidationInfo
        ) -> dict[str, Range | tuple[Any, ...]]:
            combinations = prod(len(values) for values in _lists(space).values())
            trials = info.data.get("trials", 0)
            if trials > combinations:
                raise ValueError(
                    f"it has {combinations} combinations of values, and trials: {trials} wants "
                    f"more; list more values, or write trials: {combinations}"
                )
            return space

    def propose(self, study: Study, directory: Path) -> Mapping[str, Any]:
        """The next combination. A cell that lacks a path has fewer: it then begins anew, and a run
        that is done is not done again."""
        combinations = list(product(*_lists(study.space).values()))
        values = combinations[len(study.trials) % len(combinations)]
        return dict(zip(study.space, values, strict=True))


def _lists(space: Space) -> dict[str, tuple[Any, ...]]:
    """The space, if all of it is lists.

    Raises:
        ValueError: a path has a range.
    """
    lists: dict[str, tuple[Any, ...]] = {}
    for path, values in space.items():
        if isinstance(values, Range):
            raise ValueError(
                f"{path}: a range has no order; list its values, or take sampler 'optuna'"
            )
        lists[path] = values
    return lists
