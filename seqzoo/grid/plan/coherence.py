"""Check that a plan read from disk is coherent: files get edited, truncated and mixed up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqzoo.grid.plan.plan import Plan, PlanRow

__all__ = ["check_plan"]


def check_plan(plan: Plan) -> None:
    """Check that every row fits its plan.

    Raises:
        ValueError: a row does not; the message begins with its place in the file.
    """
    if not plan.runs and not plan.studies:
        raise ValueError("it holds no runs")
    if plan.base and plan.base not in plan.variants:
        raise ValueError(f"base: '{plan.base}' is not among its variants")
    if plan.studies and type((plan.sampler or {}).get("trials")) is not int:
        raise ValueError("sampler.trials: no number, and there are studies")
    studies = {study.name for study in plan.studies}
    variants, axes = frozenset(plan.variants), frozenset(plan.axes)
    for index, row in enumerate(plan.runs):
        wrong = _wrong_with(row, variants, axes, studies)
        if wrong:
            raise ValueError(f"runs.{index}.{wrong}")


def _wrong_with(
    row: PlanRow, variants: frozenset[str], axes: frozenset[str], studies: set[str]
) -> str:
    train = row.spec.get("train")
    steps = train.get("steps") if isinstance(train, dict) else None
    if type(steps) is not int or steps < 1:
        return "spec.train.steps: no number of steps"
    stop = train.get("stop") if isinstance(train, dict) else None
    if stop is not None and not isinstance(stop, dict):
        return "spec.train.stop: no mapping"
    if row.spec.get("seed", row.seed) != row.seed:
        return f"spec.seed: {row.spec['seed']}, and the row's seed is {row.seed}"
    if row.variant and row.variant not in variants:
        return f"variant: '{row.variant}' is not among its variants"
    for axis in row.point:
        if axis not in axes:
            return f"point: '{axis}' is not among its axes"
    for key, study in (("tried", row.tried), ("chosen", row.chosen)):
        if study is not None and study.study not in studies:
            return f"{key}.study: there is no study '{study.study}'"
    return ""
