"""The search space of a sampler: for each path of the run a range or a list of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from seqzoo.grid.labels import value_label
from seqzoo.spec import SpecModel
from seqzoo.spec.marks import Location

__all__ = ["Choices", "Range", "Space", "probes", "range_label"]

Number = int | float
Choices = Annotated[tuple[Any, ...], Field(min_length=1)]


class Range(SpecModel):
    """Numbers from `low` to `high`, both included; integers where both are integers.

    Attributes:
        log: draw uniformly in the logarithm, as for learning rates.
        low: the smallest value.
        high: the largest value.
    """

    log: bool = False
    low: Number = Field(examples=[1e-4])
    high: Number = Field(examples=[1e-2])

    @field_validator("low")
    @classmethod
    def _has_a_logarithm(cls, low: Number, info: ValidationInfo) -> Number:
        if info.data.get("log") and low <= 0:
            raise ValueError(f"log: true needs a 'low' above 0, got {low:g}")
        return low

    @field_validator("high")
    @classmethod
    def _is_not_below_low(cls, high: Number, info: ValidationInfo) -> Number:
        low = info.data.get("low")
        if low is not None and high < low:
            raise ValueError(f"high {high:g} is below low {low:g}; exchange the two")
        return high

    @property
    def is_whole(self) -> bool:
        """Whether whole numbers are drawn."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @classmethod
    def title(cls) -> str:
        """Its name in messages."""
        return "a range of the space"


Space = Mapping[str, Range | tuple[Any, ...]]


def probes(range_: Range | tuple[Any, ...]) -> tuple[Location, ...]:
    """Where the values to check are written, inside the range: its ends, or every choice."""
    if isinstance(range_, Range):
        return (("low",), ("high",))
    return tuple((index,) for index in range(len(range_)))


def range_label(range_: Range | tuple[Any, ...]) -> str:
    """A range in words.

    >>> range_label(Range(low=1e-4, high=1e-2, log=True)), range_label((1, 2))
    ('0.0001 to 0.01 (log)', '[1, 2]')
    """
    if isinstance(range_, Range):
        return f"{range_.low:g} to {range_.high:g}{' (log)' if range_.log else ''}"
    return value_label(list(range_))
