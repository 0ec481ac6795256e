"""The tuning entries of a plan: the cells to tune, each trial's values, and the choice."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["Chosen", "PlannedStudy", "Tried"]


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlannedStudy(_Facts):
    """One cell to tune.

    Attributes:
        name: unique in the plan.
        variant: "" if the grid has no variants.
        point: axis path -> value.
        paths: the paths of the sampler's space that are tuned in it.
        seed: the trials' seed.
        seeds: the comparison's seeds.
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
    """A trial: its study, its number from 0, and path -> value."""

    study: str
    number: int
    values: dict[str, Any]


class Chosen(_Facts):
    """How the values of a run of the comparison were chosen.

    Attributes:
        study: the study's name.
        number: the best trial's number.
        values: path -> value.
        trials: number of trials done or failed at the time of the choice.
        failed: how many of them failed or diverged.
        metric: the metric by which trials were compared.
        value: the best trial's metric, from one run with one seed.
        seed: the trials' seed.
    """

    study: str
    number: int
    values: dict[str, Any]
    trials: int
    failed: int
    metric: str
    value: float
    seed: int
