"""Grid search: the listed values, one after another."""

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

SPACE = {"train.optimizer.lr": [3e-3, 1e-3], "model.mlp": [None, "mlp", {"type": "mlp"}]}


def sampler(**changed: Any) -> Sampler:
    settings = {"type": "in_order", "trials": 6, "space": SPACE, **changed}
    return load_registry([]).spec("sampler", settings).build()


def proposed(count: int, space: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    built, trials = sampler(), list[Trial]()
    for number in range(count):
        study = Study("cell", space or built.spec.space, True, tuple(trials))
        values = built.propose(study, Path("nowhere"))
        assert list(values) == list(study.space)
        trials.append(Trial(number, values, "done", 0.5))
    return [tuple(trial.values.values()) for trial in trials]


def test_all_combinations_come_in_the_order_written() -> None:
    mlp = {"type": "mlp"}
    assert proposed(6) == [
        *((3e-3, None), (3e-3, "mlp"), (3e-3, mlp)),
        *((1e-3, None), (1e-3, "mlp"), (1e-3, mlp)),
    ]


def test_a_cell_that_lacks_a_path_begins_anew() -> None:
    rates = {"train.optimizer.lr": (3e-3, 1e-3)}
    assert proposed(5, rates) == [(3e-3,), (1e-3,), (3e-3,), (1e-3,), (3e-3,)]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"space": {"train.optimizer.lr": {"low": 1e-4, "high": 1e-2}}},
            "train.optimizer.lr: a range has no order; list its values, or take sampler 'optuna'",
        ),
        (
            {"trials": 7},
            "it has 6 combinations of values, and trials: 7 wants more; list more values, or "
            "write trials: 6",
        ),
    ],
)
def test_a_space_without_an_order_or_with_too_few_values_is_refused(
    changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError) as failure:
        sampler(**changed)
    assert message in str(failure.value)


@pytest.mark.parametrize("check", FAMILY_CHECKS["sampler"], ids=lambda check: check.__name__)
def test_it_keeps_the_contract_of_samplers(check: Callable[[PartCase], None]) -> None:
    check(alone("sampler", {"type": "in_order", "space": SPACE}, load_registry([])))
