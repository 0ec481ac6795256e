"""Spaces that are lists alone: what the samplers without draws take."""

from __future__ import annotations

from math import prod
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from seqzoo.grid.tune.samplers import Sampler
from seqzoo.grid.tune.space import Choices, Range, Space

__all__ = ["ListedSpec", "lists"]


class ListedSpec(Sampler.Spec):
    """Settings of a sampler whose space is lists, with as many combinations as it has trials."""

    space: Annotated[dict[str, Range | Choices], Field(min_length=1)] = Field(
        examples=[{"train.optimizer.lr": [1e-3, 3e-3]}]
    )

    @field_validator("space")
    @classmethod
    def _lists_enough(
        cls, space: dict[str, Range | tuple[Any, ...]], info: ValidationInfo
    ) -> dict[str, Range | tuple[Any, ...]]:
        combinations = prod(len(values) for values in lists(space).values())
        trials = info.data.get("trials", 0)
        if trials > combinations:
            raise ValueError(
                f"it has {combinations} combinations of values, and trials: {trials} wants "
                f"more; list more values, or write trials: {combinations}"
            )
        return space


def lists(space: Space) -> dict[str, tuple[Any, ...]]:
    """The space, if all of it is lists.

    Raises:
        ValueError: a path has a range.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for path, values in space.items():
        if isinstance(values, Range):
            raise ValueError(
                f"{path}: a range has no order; list its values, or take sampler 'optuna'"
            )
        found[path] = values
    return found
