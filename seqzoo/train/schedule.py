"""Schedules: the factor on the learning rate at each step."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

from pydantic import Field, NonNegativeInt

from seqzoo.spec import Part, PartSpec

__all__ = ["WSD", "Constant", "Cosine", "Schedule"]


class Schedule(Part, ABC, family="schedule"):
    """A factor that depends on the step alone, so that a resumed run needs no state for it."""

    def __init__(self, spec: PartSpec, steps: int) -> None:
        """The schedule of a run of `steps` steps."""
        self.spec = spec
        self.steps = steps

    @abstractmethod
    def factor(self, step: int) -> float:
        """The factor at a step, counted from 0."""


class WarmupSpec(PartSpec):
    """Settings of schedules that begin with a linear warm-up.

    Attributes:
        warmup: steps in which the factor rises to 1; step s < warmup has (s + 1) / warmup.
    """

    warmup: NonNegativeInt = 0


class Constant(Schedule):
    """Linear warm-up, then the full learning rate."""

    name = "constant"

    class Spec(WarmupSpec):
        """Settings of `constant`."""

    spec: Spec

    def factor(self, step: int) -> float:
        """Rises to 1 over the warm-up, and stays."""
        return min(1.0, (step + 1) / max(1, self.spec.warmup))


class Cosine(Schedule):
    """Linear warm-up, then half a cosine down to a share of the learning rate at the last step."""

    name = "cosine"

    class Spec(WarmupSpec):
        """Settings of `cosine`.

        Attributes:
            final_ratio: factor at the last step.
        """

        final_ratio: float = Field(default=0.1, ge=0, le=1)

    spec: Spec

    def factor(self, step: int) -> float:
        """Rises to 1 over the warm-up, then falls to `final_ratio` at the last step."""
        warmup, floor = self.spec.warmup, self.spec.final_ratio
        if step < warmup:
            return (step + 1) / warmup
        done = (step - warmup) / max(1, self.steps - 1 - warmup)
        return floor + (1 - floor) * (1 + math.cos(math.pi * min(1.0, done))) / 2


class WSD(Schedule):
    """Linear warm-up, the full learning rate, then a decay to a share of it over the last steps."""

    name = "wsd"

    class Spec(WarmupSpec):
        """Settings of `wsd` (warm-up, stable, decay; arXiv 2404.06395).

        Attributes:
            decay: share of all steps, at their end, in which the factor falls.
            shape: linear, or 1 - sqrt of the completed share of the decay, which falls fast at
                first (arXiv 2405.18392).
            final_ratio: factor at the last step.
        """

        decay: float = Field(default=0.2, gt=0, le=1)
        shape: Literal["linear", "sqrt"] = "linear"
        final_ratio: float = Field(default=0.0, ge=0, le=1)

    spec: Spec

    def factor(self, step: int) -> float:
        """Rises to 1 over the warm-up, stays, and falls to `final_ratio` at the last step."""
        spec = self.spec
        rise = min(1.0, (step + 1) / max(1, spec.warmup))
        falling = max(1, round(spec.decay * self.steps))
        done = min(1.0, max(0.0, (step + 1 - (self.steps - falling)) / falling))
        fall = math.sqrt(done) if spec.shape == "sqrt" else done
        return rise * (spec.final_ratio + (1 - spec.final_ratio) * (1 - fall))
