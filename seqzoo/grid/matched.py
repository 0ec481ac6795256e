"""What matching a variant's budget to the base's came to; it stands in the plan."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["WORDS", "Matched"]

WORDS = {"parameters": "parameters", "state": "elements of state", "flops": "FLOPs a token"}


class Matched(BaseModel):
    """A run's budget beside the base's.

    Attributes:
        by: what is counted: parameters, elements of state, or FLOPs a token.
        target: the base's.
        reached: the run's own.
        path: the size that was adjusted, None where the budget met the base's as written.
        value: what it was set to.
        before: what it was; None where the spec leaves it to the part.
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
        """How much more than the base's it is, as a share of the base's."""
        return self.reached / self.target - 1.0
