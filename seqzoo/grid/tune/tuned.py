"""What the plan says of tuning: the cells to tune, each trial's values, and what was chosen."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["Chosen", "PlannedStudy", "Tried"]


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlannedStudy(_Facts):
    """One cell to tune.

    Attributes:
        name: unlike any other's.
        variant: "" if the grid has no variants.
        point: axis path -> value.
        paths: what is tuned in it, of the sampler's space.
        seed: of its trials.
        seeds: of the comparison.
        spec: the resolved run with the values as written, and the seed of the trials.
    """

    name: str
    variant: str
    point: dict[str, Any]
    paths: tuple[str, ...]
    seed: int
    seeds: tuple[int, ...]
    spec: dict[str, Any]


class Tried(_Facts):
    """What a trial's run is of: its study, its number from 0, path -> value."""

    study: str
    number: int
    values: dict[str, Any]


class Chosen(_Facts):
    """Why a run of the comparison has the values it has.

    Attributes:
        study: which.
        number: of the best trial.
        values: path -> value.
        trials: that were done or failed when it was chosen.
        failed: of them, those that failed or diverged.
        metric: what trials were compared by.
        value: the best trial's, of one run with one seed.
        seed: of the trials.
    """

    study: str
    number: int
    values: dict[str, Any]
    trials: int
    failed: int
    metric: str
    value: float
    seed: int
