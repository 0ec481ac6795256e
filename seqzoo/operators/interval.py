"""The ends of an interval that initial values are drawn from."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, PositiveFloat
from pydantic_core import PydanticCustomError

__all__ = ["Interval"]


def _rising(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise PydanticCustomError(
            "bounds",
            "the lower end {low} is above the upper end {high}; exchange the two",
            {"low": ends[0], "high": ends[1]},
        )
    return ends


Interval = Annotated[
    tuple[PositiveFloat, PositiveFloat], Field(strict=False), AfterValidator(_rising)
]
"""(lower, upper), both above 0."""
