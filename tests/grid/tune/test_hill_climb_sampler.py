"""Hill climbing: the untried value nearest to the best so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from seqzoo.errors import SpecError
from seqzoo.grid import Sampler, Study
from seqzoo.grid.tune.samplers import Trial
from seqzoo.registry import load_registry
from seqzoo.testing import FAMILY_CHECKS, PartCase, alone

RATES = (1e-3, 3e-3, 1e-2, 3e-4)
LR, DECAY = "train.optimizer.lr", "train.optimizer.weight_decay"


def sampler(**changed: Any) -> Sampler:
    settings = {"type": "hill_climb", "trials": 4, "space": {LR: list(RATES)}, **changed}
    return load_registry([]).spec("sampler", settings).build()


def climbed(
    metric: Callable[[Mapping[str, Any]], float | None],
    count: int,
    space: Mapping[str, Any] | None = None,
    higher_is_better: bool = True,
) -> list[Any]:
    """The values of `count` trials; of one path bare."""
    built, trials = sampler(), list[Trial]()
    for number in range(count):
        study = Study("cell", space or {LR: RATES}, higher_is_better, tuple(trials))
        values = dict(built.propose(study, Path("nowhere")))
        assert list(values) == list(study.space)
        found = metric(values)
        trials.append(Trial(number, values, "failed" if found is None else "done", found))
    proposed = [tuple(trial.values.values()) for trial in trials]
    return [each[0] if len(each) == 1 else each for each in proposed]


@pytest.mark.parametrize(
    ("accuracy", "order"),
    [
        ({3e-4: 0.1, 1e-3: 0.2, 3e-3: 0.3, 1e-2: 0.4}, [1e-3, 3e-3, 1e-2, 3e-4]),
        ({3e-4: 0.1, 1e-3: 0.2, 3e-3: 0.3, 1e-2: 0.1}, [1e-3, 3e-3, 1e-2, 3e-4]),
        ({3e-4: 0.1, 1e-3: 0.3, 3e-3: 0.2, 1e-2: 0.9}, [1e-3, 3e-3, 3e-4, 1e-2]),
        ({3e-4: 0.4, 1e-3: 0.3, 3e-3: 0.2, 1e-2: 0.1}, [1e-3, 3e-3, 3e-4, 1e-2]),
    ],
    ids=["up to the end", "up to a peak", "a peak at the guess", "down"],
)
def test_from_the_first_value_it_goes_where_the_metric_is_better(
    accuracy: Mapping[float, float], order: list[float]
) -> None:
    assert climbed(lambda values: accuracy[values[LR]], 4) == order
    assert climbed(lambda values: -accuracy[values[LR]], 4, higher_is_better=False) == order


@pytest.mark.parametrize("peak", RATES)
def test_three_trials_hold_the_peak_of_four_rates(peak: float) -> None:
    ascending = sorted(RATES)
    tried = climbed(lambda values: -abs(ascending.index(values[LR]) - ascending.index(peak)), 3)
    assert peak in tried


def test_a_plateau_is_crossed() -> None:
    assert climbed(lambda values: 0.5, 4) == [1e-3, 3e-3, 1e-2, 3e-4]


def test_a_trial_that_failed_is_not_the_best_and_not_tried_again() -> None:
    assert climbed(lambda values: None, 4) == [1e-3, 3e-3, 3e-4, 1e-2]
    assert climbed(lambda values: None if values[LR] == 3e-3 else 0.5, 3) == [1e-3, 3e-3, 3e-4]


def test_while_results_are_open_it_proposes_around_the_first_guess() -> None:
    trials = (Trial(0, {LR: 1e-3}, "open"), Trial(1, {LR: 3e-3}, "open"))
    study = Study("cell", {LR: RATES}, True, trials)
    assert sampler().propose(study, Path("nowhere")) == {LR: 3e-4}


def test_of_two_paths_it_climbs_both() -> None:
    space = {LR: RATES, DECAY: (0.0, 0.1)}
    best = (1e-2, 0.1)
    tried = climbed(lambda values: values[LR] + values[DECAY], 6, space)
    assert tried[:3] == [(1e-3, 0.0), (3e-3, 0.0), (1e-2, 0.0)]
    assert tried[3] == best


def test_a_cell_with_fewer_values_than_trials_repeats_the_best() -> None:
    accuracy = {1e-3: 0.3, 3e-3: 0.2}
    space = {LR: (1e-3, 3e-3)}
    assert climbed(lambda values: accuracy[values[LR]], 4, space) == [1e-3, 3e-3, 1e-3, 1e-3]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"space": {LR: {"low": 1e-4, "high": 1e-2}}},
            f"{LR}: a range has no order; list its values, or take sampler 'optuna'",
        ),
        (
            {"trials": 1, "space": {"model.mlp": [None, "mlp"]}},
            "model.mlp: None is no number, so it has no neighbours; list numbers, or take sampler "
            "'in_order'",
        ),
        ({"trials": 1, "space": {LR: [1e-3, 1e-3]}}, f"{LR}: a value stands twice in"),
        (
            {"trials": 5},
            "it has 4 combinations of values, and trials: 5 wants more; list more values, or "
            "write trials: 4",
        ),
    ],
)
def test_a_space_without_neighbours_or_with_too_few_values_is_refused(
    changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError) as failure:
        sampler(**changed)
    assert message in str(failure.value)


@pytest.mark.parametrize("check", FAMILY_CHECKS["sampler"], ids=lambda check: check.__name__)
def test_it_keeps_the_contract_of_samplers(check: Callable[[PartCase], None]) -> None:
    space = {LR: list(RATES), DECAY: [0.0, 0.1]}
    check(alone("sampler", {"type": "hill_climb", "space": space}, load_registry([])))
