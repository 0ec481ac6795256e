"""Checks of samplers: proposals lie in the space, whichever process asks."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import SkipTest

from seqzoo.errors import SpecError
from seqzoo.grid.tune.samplers import Sampler, Study, Trial
from seqzoo.grid.tune.space import Range
from seqzoo.testing.part import PartCase

__all__ = ["SAMPLER_CHECKS"]

TRIALS = 6
SPACE: Mapping[str, Any] = {
    "train.optimizer.lr": {"low": 1e-4, "high": 1e-1, "log": True},
    "model.layers": {"low": 1, "high": 4},
    "model.mixer": ["attention", {"type": "recurrent", "heads": 2}],
}


def proposals_lie_in_the_space(case: PartCase) -> None:
    """Each names every path once: a number within its range, or a choice.

    Trials that failed, or are still open, may stand among those before it.
    """
    sampler = _sampler(case)
    states = ("done", "failed", "open", "done", "done", "done")
    trials: tuple[Trial, ...] = ()
    with tempfile.TemporaryDirectory() as folder:
        for number, state in enumerate(states):
            study = _study(sampler, trials)
            values = dict(sampler.propose(study, Path(folder)))
            _check(study, values, number)
            metric = 1.0 / (1 + number) if state == "done" else None
            trials += (Trial(number, values, state, metric),)  # pyright: ignore[reportArgumentType]


def another_process_may_ask(case: PartCase) -> None:
    """A new sampler, in a folder that has lost its files, proposes from the study alone."""
    first = _sampler(case)
    trials: tuple[Trial, ...] = ()
    for number in range(3):
        with tempfile.TemporaryDirectory() as folder:
            study = _study(first, trials)
            values = dict(_sampler(case).propose(study, Path(folder)))
        _check(study, values, number)
        trials += (Trial(number, values, "done", float(number)),)


SAMPLER_CHECKS = (proposals_lie_in_the_space, another_process_may_ask)


def _sampler(case: PartCase) -> Sampler:
    settings = case.settings if isinstance(case.settings, dict) else {"type": case.settings}
    settings = {"trials": TRIALS, "space": SPACE, **settings}
    try:
        return case.registry.spec("sampler", settings).build()
    except SpecError as failure:
        raise SkipTest(f"{case} cannot be built here: {failure}") from None


def _study(sampler: Sampler, trials: tuple[Trial, ...]) -> Study:
    return Study("cell", sampler.spec.space, higher_is_better=True, trials=trials)


def _check(study: Study, values: Mapping[str, Any], number: int) -> None:
    assert set(values) == set(study.space), f"trial {number} gives {sorted(values)}"
    for path, value in values.items():
        wanted = study.space[path]
        if isinstance(wanted, Range):
            kind = int if wanted.is_whole else float
            assert isinstance(value, kind), f"trial {number}: {path} is no {kind.__name__}"
            assert wanted.low <= value <= wanted.high, f"trial {number}: {path} is {value!r}"
        else:
            assert value in wanted, f"trial {number}: {path} is {value!r}, none of the choices"
