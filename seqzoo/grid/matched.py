"""The result of matching a variant's budget to the base's, as the plan holds it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["WORDS", "Matched"]

WORDS = {"parameters": "parameters", "state": "elements of state", "flops": "FLOPs a token"}


class Matched(BaseModel):
    """A run's budget beside the base's.

    Attributes:
        by: the quantity counted: parameters, elements of state, or FLOPs a token.
        target: the base's count.
        reached: the run's count.
        path: the size that was adjusted, None where the budgets matched as written.
        value: its new value.
        before: its value before; None where the spec leaves it to the part.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Literal["parameters", "state", "flops"]
    target: float
    reached: float
    path: str | None = None
    value: int | float | None = None
    before: int | float | None = None

    @property
    def excess(self) -> float:
        """The excess over the base's count, as a share of that."""
        return self.reached / self.target - 1.0
