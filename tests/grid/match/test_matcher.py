"""Budgets, counted on models that are really built."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.grid.plan.expansion import PlannedRun, expand
from seqzoo.model import budget
from seqzoo.spec.document import parse_document
from seqzoo.spec.grid import GridSpec

BASE = """\
base:
  model: {width: 32, layers: 1, mixer: recurrent}
  task: {type: local_xor, length: 16, vocab_size: 8}
  train: {steps: 10}
"""
REGISTRY = seqzoo.load_registry([])


def runs(text: str) -> tuple[PlannedRun, ...]:
    document = parse_document(BASE + text, "g.yaml")
    return expand(document.validate(GridSpec).written_in(document), REGISTRY)


def costs(run: PlannedRun) -> dict[str, Any]:
    found = budget(seqzoo.build_model(run.spec, REGISTRY), 16)
    return {
        "parameters": found.parameters,
        "state": found.state_elements,
        "flops": found.flops_per_token,
    }


@pytest.mark.parametrize(
    ("by", "adjust", "variant"),
    [
        ("parameters", "model.mlp.ratio", "{model.mlp: {type: swiglu, ratio: 4.0}}"),
        ("parameters", "[model.mlp.ratio, model.width]", "{model.mlp: null}"),
        ("flops", "model.mlp.ratio", "{model.mixer: attention}"),
        ("flops", "model.mlp.ratio", "{model.mixer.key_size: 8, model.mlp: {type: swiglu}}"),
        ("state", "model.mixer.value_size", "{model.mixer.key_size: 8}"),
    ],
)
def test_the_budget_is_the_bases_within_two_percent(by: str, adjust: str, variant: str) -> None:
    text = f"match: {{by: {by}, adjust: {adjust}}}\nvariants: {{full: {{}}, other: {variant}}}\n"
    before = torch.get_rng_state()
    full, other = runs(text)
    assert torch.equal(before, torch.get_rng_state())
    assert full.matched is not None
    assert other.matched is not None
    assert full.matched.path is None
    assert other.matched.path is not None
    assert other.matched.reached == costs(other)[by]
    assert other.matched.target == costs(full)[by]
    assert abs(other.matched.excess) <= 0.02
    assert other.run_id == other.spec.run_id


def test_each_point_has_its_own_base() -> None:
    text = """\
match: {by: parameters, adjust: model.mlp.ratio}
variants: {full: {}, wide: {model.mixer.value_size: 64}}
axes: {model.width: [32, 64], model.mixer.anchor.decay: [0.5, 0.9], task.vocab_size: [8, 16]}
seeds: 2
"""
    planned = runs(text.replace("model.mixer.anchor.decay: [0.5, 0.9], ", ""))
    bases = {(*run.point.values(), run.seed): run for run in planned if run.variant == "full"}
    for run in planned:
        base = bases[*run.point.values(), run.seed]
        assert run.matched is not None
        assert run.matched.target == costs(base)["parameters"]
        assert abs(costs(run)["parameters"] / run.matched.target - 1) <= 0.02


def test_without_variants_the_base_is_as_written() -> None:
    text = """\
match: {by: parameters, adjust: model.mlp.ratio}
axes: {task.vocab_size: [8, 64], model.mixer: [recurrent, attention], model.mixer.anchor: [ema]}
"""
    planned = runs(text)
    assert len(planned) == 4
    (small, *_, large) = [run.matched for run in planned]
    assert small is not None
    assert large is not None
    assert small.reached - small.target == 32, "an EMA has one decay a feature more"
    assert large.target - small.target == 2 * 32 * (64 - 8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "match: {by: parameters, adjust: model.mlp.ratio}\n"
            "variants: {full: {}, bare: {model.mlp: null}}\n",
            r"g\.yaml:5:1 match: [\d,]+ parameters, and the base has [\d,]+; model\.mlp\.ratio "
            r"cannot be adjusted here \(in variant 'bare'\); name a size that it has",
        ),
        (
            "match: {by: parameters, adjust: model.width}\n"
            "variants: {full: {}, wide: {model.width: 48}}\n",
            r"model\.width cannot be adjusted here \(in variant 'wide'\)",
        ),
        (
            "match: {by: state, adjust: model.width, within: 0.001}\n"
            "variants: {full: {}, other: {model.mixer: attention, task.length: 24}}\n",
            r"elements of state, and the base has [\d,]+; the nearest is [\d,]+ \([+-][\d.]+%\) at "
            r"model\.width \d+ \(in variant 'other'\); name another size in 'adjust', or a wider",
        ),
        (
            "match: {by: parameters, adjust: model.mpl.ratio}\n"
            "variants: {full: {}, other: {model.mlp: swiglu, model.mixer.value_size: 64}}\n",
            r"model\.mpl\.ratio cannot be adjusted here",
        ),
    ],
)
def test_what_cannot_be_matched_is_told(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        runs(text)
