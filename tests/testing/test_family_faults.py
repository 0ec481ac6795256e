"""Each check of parts that no mixer holds finds the fault that it is there for."""

from __future__ import annotations

from typing import Any

import pytest

import seqzoo
from seqzoo.registry import Origin, Registry
from seqzoo.spec import Part
from seqzoo.testing import FAMILY_CHECKS, PART_CHECKS, alone

from .faulty_decoders import Blends, Counts, Doubles, Idle, Twice
from .faulty_tasks import (
    Averages,
    Cuts,
    Drops,
    Global,
    Hides,
    Leaks,
    Overflows,
    Remembers,
    Same,
    Sure,
    Upside,
)
from .faulty_training import (
    Attribute,
    Below,
    Beyond,
    Calls,
    Climbs,
    Deaf,
    Forgets,
    Keeps,
    Meddles,
    Normalises,
    Opened,
    Partial,
    Peeks,
    Ragged,
    Silent,
    Wants,
)

FAULTS: list[tuple[type[Part], str, str]] = [
    (Overflows, "ids_lie_in_the_vocabulary", r"a label of train_batch\(16, 0, 0\) is 99, outside"),
    (Global, "draws_are_functions_of_seed_and_step", "depends on what was drawn before, or on"),
    (Remembers, "draws_are_functions_of_seed_and_step", "depends on what was drawn before, or on"),
    (Same, "seeds_and_steps_differ", r"train_batch\(16, 1, 0\) is train_batch\(16, 0, 0\)"),
    (Cuts, "the_test_set_is_fixed", r"test_batches\(1\) is not test_batches\(16\)"),
    (Drops, "the_test_set_is_fixed", r"test_batches\(5\) has 15 rows, not 160"),
    (Leaks, "training_leaves_the_test_set_out", "holds a sequence of the test set"),
    (Upside, "right_answers_score_best", "accuracy is 1 for right answers and 0 for wrong ones"),
    (Sure, "right_answers_score_best", "its chance level is 3, beyond 0 and 1"),
    (Averages, "sums_add_up", "of two halves adds up to"),
    (Hides, "vocabulary_is_told_whole", "has tokens of 'classes', which it says are never"),
    (Twice, "sources_are_positions", "a position is asked for twice"),
    (Counts, "answers_do_not_depend_on_each_other", "some positions: error ratio"),
    (Blends, "rows_are_apart", "beside a sequence of NaN, row 0"),
    (Idle, "gradients_reach_every_parameter", "idle: no gradient"),
    (Idle, "parameters_are_initialised", "idle was not given an initial value"),
    (Doubles, "runs_in_every_precision", "float32 features give torch.float64"),
    (Peeks, "is_causal", "results before token 7 see tokens from it on"),
    (Forgets, "pieces_agree", r"cut into \[6, 7\]: error ratio"),
    (Normalises, "rows_are_apart", "beside a sequence of NaN, the first"),
    (Climbs, "it_learns", "after 30 steps a loss of"),
    (Partial, "groups_hold_every_parameter_once", "do not hold every parameter once"),
    (Deaf, "hints_are_heeded", "with a hint of 2.0 a rate of 0.001 is"),
    (Attribute, "it_goes_on_from_a_checkpoint", "after loading, .* continues differently"),
    (Below, "factors_are_numbers", "the factor at step 11 of 50 is -0.1"),
    (Calls, "the_step_alone_decides", "depends on which steps were asked for before"),
    (Beyond, "proposals_lie_in_the_space", "trial 0: train.optimizer.lr is 0.2"),
    (Ragged, "rows_are_of_one_kind", r"one row has the columns \['layer'\], another"),
    (Meddles, "it_changes_nothing", "it changes head.weight"),
    (Silent, "says_what_it_is", "schedule=silent has no docstring"),
]


@pytest.fixture(scope="module")
def registry() -> Registry:
    registry = seqzoo.load_registry()
    for part in {part for part, _, _ in FAULTS} | {Wants, Opened, Keeps}:
        registry.add(part, Origin("faults", "test", "0"))
    return registry


def check(family: str, name: str) -> Any:
    every = (*FAMILY_CHECKS[family], *PART_CHECKS)
    return next(each for each in every if each.__name__ == name)


@pytest.mark.parametrize(
    ("part", "which", "message"), FAULTS, ids=[f"{part.name}-{which}" for part, which, _ in FAULTS]
)
def test_it_is_found(registry: Registry, part: type[Part], which: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check(part.family, which)(alone(part.family, part.name, registry))


@pytest.mark.parametrize(
    ("family", "name", "which", "error"),
    [
        ("logger", "wants", "takes_a_run", KeyError),
        ("logger", "opened", "may_be_closed_before_it_starts", AttributeError),
        ("sampler", "keeps", "another_process_may_ask", FileNotFoundError),
    ],
)
def test_what_breaks_by_itself_is_not_hidden(
    registry: Registry, family: str, name: str, which: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        check(family, which)(alone(family, name, registry))


def test_every_check_has_its_fault() -> None:
    planted = {which for _, which, _ in FAULTS}
    planted |= {"takes_a_run", "may_be_closed_before_it_starts", "another_process_may_ask"}
    every = {each.__name__ for checks in FAMILY_CHECKS.values() for each in checks}
    assert every - planted == {"fits_its_contract"}  # tests/tasks/test_contract.py has its faults
