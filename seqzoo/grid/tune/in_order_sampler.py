"""The sampler of lists: grid search, in the order in which the values are written."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

from seqzoo.grid.tune.listed import ListedSpec, lists
from seqzoo.grid.tune.samplers import Sampler, Study

__all__ = ["InOrderSampler"]


class InOrderSampler(Sampler):
    """The listed values in the order written; of several paths all combinations."""

    name = "in_order"

    class Spec(ListedSpec):
        """Settings of the sampler.

        Attributes:
            space: path -> a list of values, the likeliest first; of several paths the last one
                varies fastest.
        """

    def propose(self, study: Study, directory: Path) -> Mapping[str, Any]:
        """The next combination. A cell that lacks a path has fewer: it then begins anew, and a run
        that is done is not done again."""
        combinations = list(product(*lists(study.space).values()))
        values = combinations[len(study.trials) % len(combinations)]
        return dict(zip(study.space, values, strict=True))
