"""The sampler of ordered lists: hill climbing, from a first guess to its neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import field_validator

from seqzoo.grid.tune.listed import ListedSpec, lists
from seqzoo.grid.tune.samplers import Sampler, Study
from seqzoo.grid.tune.space import Choices, Range

__all__ = ["HillClimbSampler"]

Point = tuple[int, ...]  # one index a path, into its values in ascending order


class HillClimbSampler(Sampler):
    """Hill climbing over lists of numbers: next comes the untried value nearest to the best so far.

    It begins with the first value written. From the second of four learning rates it finds the best
    in three trials, where the metric has one peak over them.
    """

    name = "hill_climb"

    class Spec(ListedSpec):
        """Settings of the sampler.

        Attributes:
            space: path -> a list of numbers, the first guess first and the others in any order.
        """

        @field_validator("space")
        @classmethod
        def _numbers(cls, space: dict[str, Range | Choices]) -> dict[str, Range | Choices]:
            for path, values in lists(space).items():
                for value in values:
                    if isinstance(value, bool) or not isinstance(value, int | float):
                        raise ValueError(
                            f"{path}: {value!r} is no number, so it has no neighbours; list "
                            "numbers, or take sampler 'in_order'"
                        )
                if len(set(values)) < len(values):
                    raise ValueError(f"{path}: a value stands twice in {list(values)}")
            return space

    def propose(self, study: Study, directory: Path) -> Mapping[str, Any]:
        """The untried combination the fewest steps from the best so far, or from the first guess
        while none is done.

        Among equals the best so far is the latest, so that a plateau is crossed; of combinations
        equally near, the one with the larger value in the first path that differs comes first. A
        cell that lacks a path may have fewer combinations than trials: it then repeats the best,
        and a run that is done is not done again.
        """
        written = lists(study.space)
        steps = {path: sorted(values) for path, values in written.items()}
        guess = {path: values[0] for path, values in written.items()}
        here = _point(_best(study) or guess, steps)
        tried = {_point(trial.values, steps) for trial in study.trials}
        points = product(*(range(len(values)) for values in steps.values()))
        untried = (point for point in points if point not in tried)
        point = min(untried, key=lambda each: _nearness(each, here), default=here)
        return {path: steps[path][index] for path, index in zip(steps, point, strict=True)}


def _best(study: Study) -> Mapping[str, Any] | None:
    """The values of the best trial that is done, the latest among equals."""
    done = [(trial.metric, trial) for trial in study.trials if trial.metric is not None]
    sign = 1 if study.higher_is_better else -1
    best = max(reversed(done), key=lambda pair: sign * pair[0], default=None)
    return None if best is None else best[1].values


def _point(values: Mapping[str, Any], steps: Mapping[str, Sequence[Any]]) -> Point:
    return tuple(each.index(values[path]) for path, each in steps.items())


def _nearness(point: Point, here: Point) -> tuple[int, list[int]]:
    """The smallest is next: by steps away, then upwards before downwards."""
    return sum(abs(a - b) for a, b in zip(point, here, strict=True)), [-index for index in point]
