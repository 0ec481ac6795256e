"""The space of a sampler is checked in every cell before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.grid import Sampler, Study
from seqzoo.grid.plan.expansion import expanded
from seqzoo.registry import Origin, Registry
from seqzoo.spec.grid import GridSpec
from seqzoo.spec.load import load

LR = "train.optimizer.lr"
GRID = """\
base:
  model: {width: 16, layers: 1, mixer: attention}
  task: {type: parity, length: 8}
  train: {steps: 10}
variants: {full: {}, no-mlp: {model.mlp: null}}
seeds: [0, 1]
sampler: {type: minimum, trials: 3, space: {train.optimizer.lr: {low: 1e-4, high: 1e-1, log: true}}}
"""


class Minimum(Sampler):
    """A third party's: takes ranges, and is never asked here."""

    name = "minimum"

    def propose(self, study: Study, directory: Path) -> Mapping[str, Any]:
        raise AssertionError("nothing runs here")


@pytest.fixture
def registry() -> Registry:
    registry = seqzoo.load_registry([])
    registry.add(Minimum, Origin("third", "third-party", "1"))
    return registry


@pytest.fixture
def problems(tuner_of):
    def problems(text: str, registry: Registry) -> list[str]:
        with pytest.raises(SpecError) as failure:
            tuner_of(text, registry)
        return str(failure.value).splitlines()

    return problems


def test_an_option_that_a_variant_lacks_is_not_tuned_there(tuner_of, registry):
    text = GRID.replace("no-mlp: {model.mlp: null}", "prism: {model.mixer: recurrent}").replace(
        "space: {", "space: {model.mixer.forget: [none, head_decay], "
    )
    studies = tuner_of(text, registry).plan("g").studies
    assert {study.variant: study.paths for study in studies} == {
        "full": (LR,),
        "prism": ("model.mixer.forget", LR),
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            f"{LR}: {{",
            "train.optimiser.lr: {",
            "g.yaml:7:45 train.optimiser: unknown key 'optimiser' in 'train'; did you mean "
            "'optimizer'?",
        ),
        (
            "low: 1e-4, high: 1e-1, log: true",
            "low: 1e-1, high: 1e-4",
            f"g.yaml:7:83 sampler.space.{LR}.high: high 0.0001 is below low 0.1; exchange the two",
        ),
        (
            "low: 1e-4",
            "low: 0",
            f"g.yaml:7:71 sampler.space.{LR}.low: log: true needs a 'low' above 0, got 0",
        ),
        (
            "low: 1e-4, high: 1e-1, log: true",
            "low: -1e-4, high: 1e-1",
            f"g.yaml:7:71 {LR}: expected a number greater than 0, got -0.0001 (float)",
        ),
        ("{low: 1e-4, high: 1e-1, log: true}", "[]", "or a list of at least 1, got"),
        (
            "no-mlp: {model.mlp: null}",
            f"slow: {{{LR}: 1e-4}}",
            f"g.yaml:7:45 sampler.space.{LR}: set by the sampler's space, and by variant 'slow' "
            "at g.yaml:5:29; set it in one of the two",
        ),
        (
            "trials: 3",
            "trials: 0",
            "g.yaml:7:34 sampler.trials: expected a whole number greater than 0",
        ),
        (
            "trials: 3",
            "trials: 3, until_target: true",
            "g.yaml:7:37 sampler.until_target: it ends a cell's trials at the target of "
            "train.stop, and a run here has none; write train.stop: {target: ...}, or leave out "
            "until_target",
        ),
        (
            "minimum",
            "hyperband",
            "unknown sampler 'hyperband'; known: hill_climb, in_order, minimum, optuna",
        ),
        (f"{LR}: {{", "seed: {", "a run's seed is not set by a delta"),
    ],
)
def test_what_is_wrong_with_a_space_is_told_where_it_is_written(
    old, new, message, problems, registry
):
    told = problems(GRID.replace(old, new), registry)
    assert any(message in line for line in told), told


def test_a_matched_model_is_not_tuned(problems, registry):
    text = GRID.replace(f"{LR}: {{low: 1e-4, high: 1e-1, log: true}}", "model.width: [16, 32]")
    text += "match: {by: parameters, adjust: model.mlp.ratio}\n"
    assert "the sampler changes the model, and 'match' adjusts it" in problems(text, registry)[0]


def test_a_value_inside_another_is_laid_over_it(registry, tmp_path):
    file = tmp_path / "grid.yaml"
    file.write_text(GRID.replace("variants: {full: {}, no-mlp: {model.mlp: null}}\n", ""))
    grid = load(file, registry)
    assert isinstance(grid, GridSpec)
    expansion = expanded(grid, registry)
    values = {("model", "mlp", "ratio"): 1.0, ("model", "mlp"): "swiglu"}
    run = expansion.checker.run_with(expansion.cells[0].cell, values)
    assert run is not None
    assert run.resolved()["model"]["mlp"]["type"] == "swiglu"
    assert run.resolved()["model"]["mlp"]["ratio"] == 1.0


def test_nothing_is_tuned_inside_of_what_the_space_may_leave_out(problems, registry):
    text = GRID.replace(", no-mlp: {model.mlp: null}", "").replace(
        "space: {", "space: {model.mlp.ratio: [1.0, 2.0], model.mlp: [swiglu, null], "
    )
    assert problems(text, registry) == [
        "g.yaml:7:45 sampler.space.model.mlp.ratio: leads into model.mlp, for which the space "
        "has null; make that path an axis, or leave out the null"
    ]
