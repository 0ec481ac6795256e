"""Settings that another setting makes moot: told at their line, or the cell is done once."""

from typing import Any, Literal

import pytest
import torch
from pydantic import Field

from seqzoo import load_registry
from seqzoo.errors import SpecError
from seqzoo.grid.plan.expansion import expand, expanded
from seqzoo.grid.plan.notes import plan_notes
from seqzoo.grid.plan.plan import make_plan
from seqzoo.model import build_model
from seqzoo.operators import Anchor
from seqzoo.registry.registry import Origin
from seqzoo.spec import PartSpec, slot
from seqzoo.spec.document import parse_document
from seqzoo.spec.grid import GridSpec

BASE = """\
base:
  model: {width: 16, layers: 1, mixer: {type: recurrent, anchor: {type: moot-mixture}}}
  task: {type: parity, length: 8, test_size: 4}
  train: {steps: 10}
"""


class Mixture(Anchor):
    """u_t = x_t, or its powers up to `depth` mixed by an activation that depth 1 has no part in."""

    name = "moot-mixture"

    class Spec(PartSpec):
        """Settings.

        Attributes:
            depth: number of powers.
            activation: of each power but the first.
            scale: of the second power.
            kind: stored, and looked at by nobody.
            late: looked at in evaluation alone.
            pull: a factor on gradients, looked at by a hook alone.
        """

        depth: int = 1
        activation: PartSpec = slot("activation", "silu")
        scale: float = 1.0
        kind: Literal["a", "b"] = "a"
        late: float = Field(default=1.0, gt=0)
        pull: float = 1.0

    def __init__(self, spec: Any, dims):
        super().__init__(spec, dims)
        self.depth, self.kind = spec.depth, spec.kind
        self.spec: Any = spec
        self.activation = spec.activation.build()

    def forward(self, x, stream):
        total = x
        for power in range(1, self.depth):
            total = total + self.spec.scale * self.activation(x ** (power + 1))
        if total.requires_grad:
            total.register_hook(lambda gradient: gradient * self.spec.pull)
        return total if self.training else total * self.spec.late


@pytest.fixture(scope="module")
def registry():
    registry = load_registry([])
    registry.add(Mixture, Origin("moot", "moot", "0"))
    return registry


def grid_of(text, registry):
    document = parse_document(BASE + text, "g.yaml")
    return document.validate(GridSpec, registry).written_in(document)


def runs(text, registry):
    return expand(grid_of(text, registry), registry)


def problem(text, registry):
    with pytest.raises(SpecError) as told:
        runs(text, registry)
    return str(told.value)


def cells(planned):
    return [(run.variant, dict(run.point), run.dropped) for run in planned]


DEPTH, SCALE = "model.mixer.anchor.depth", "model.mixer.anchor.scale"
NOTHING = "changes nothing: the run is the same with and without it"


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (SCALE, "[1.0, 2.0, 3.0]"),
        ("model.mixer.anchor.activation", "[silu, gelu]"),
        ("model.mixer.anchor.kind", "[a, b]"),
        ("model.mixer.anchor.kind", "[b]"),
        ("train.checkpoint.every", "[5, 10]"),
        ("name", "[one, two]"),
    ],
)
def test_an_axis_that_no_cell_reads_is_an_error_at_its_line(path, values, registry):
    told = problem(f"axes: {{train.steps: [5, 10], {path}: {values}}}\n", registry)
    assert told.startswith(f"g.yaml:5:30 {path}: {NOTHING}")


def test_a_setting_that_acts_on_gradients_alone_is_read(registry):
    planned = runs("axes: {model.mixer.anchor.pull: [1.0, 2.0]}\n", registry)
    assert len({run.run_id for run in planned}) == 2


def test_an_axis_over_the_optimizer_builds_one_model(registry, monkeypatch):
    built = []
    monkeypatch.setattr(
        "seqzoo.grid.expand.as_built.build_model",
        lambda *given, **settings: built.append(given) or build_model(*given, **settings),
    )
    assert len(runs("axes: {train.optimizer.lr: [1e-4, 1e-3, 1e-2, 1e-1]}\n", registry)) == 4
    assert len(built) == 2  # once to count its parameters


def test_an_axis_is_left_out_of_the_cells_that_do_not_read_it(registry):
    planned = runs(f"axes: {{{DEPTH}: [1, 2], {SCALE}: [1.0, 2.0]}}\n", registry)
    assert cells(planned) == [
        ("", {DEPTH: 1}, (SCALE,)),
        ("", {DEPTH: 2, SCALE: 1.0}, ()),
        ("", {DEPTH: 2, SCALE: 2.0}, ()),
    ]
    assert plan_notes(make_plan("g", planned)) == [
        f"{SCALE} makes no difference with {DEPTH} 1: 1 run without it, each done once"
    ]


def test_a_variant_that_sets_what_nothing_reads_is_an_error_at_its_line(registry):
    text = f"variants: {{full: {{}}, deep: {{{DEPTH}: 2}}, v: {{train.steps: 5, {SCALE}: 3.0}}}}\n"
    assert problem(text, registry).startswith(f"g.yaml:5:79 {SCALE}: {NOTHING}")


def test_a_variant_is_done_once_with_the_one_that_it_equals_at_some_point(registry):
    text = f"variants: {{full: {{}}, v: {{{SCALE}: 3.0}}}}\naxes: {{{DEPTH}: [1, 2]}}\n"
    planned = runs(text, registry)
    ids = [run.run_id for run in planned]
    assert ids[0] == ids[2]
    assert len(set(ids)) == 3
    assert plan_notes(make_plan("g", planned)) == [
        "full, depth=1 and v, depth=1 are the same run, done once"
    ]


def test_a_pairing_that_sets_what_nothing_reads_is_an_error(registry):
    told = problem(f"paired: {{{SCALE}: [1.0, 2.0], train.steps: [5, 6]}}\n", registry)
    assert f"{SCALE}: {NOTHING}" in told


def test_what_evaluation_alone_reads_is_read(registry):
    assert len(runs("axes: {model.mixer.anchor.late: [1.0, 2.0]}\n", registry)) == 2


def test_a_schedule_and_an_optimizer_come_to_what_they_do(registry):
    def warmups(other):
        return f"axes: {{train.schedule: [constant, {{type: constant, warmup: {other}}}]}}\n"

    told = problem(warmups(1), registry)  # the full rate from the first step on
    assert told.startswith(f"g.yaml:5:8 train.schedule: {NOTHING}")
    assert len(runs(warmups(2), registry)) == 2
    assert len(runs("axes: {train.optimizer.weight_decay: [0.0, 0.1]}\n", registry)) == 2


def test_an_initial_value_is_read(registry):
    assert len(runs("axes: {model.embedding_std: [0.02, 1.0]}\n", registry)) == 2


def test_a_path_of_a_samplers_space_that_nothing_reads(registry):
    pytest.importorskip("optuna")

    def space(text):
        return f"sampler: {{type: optuna, trials: 2, space: {{{text}}}}}\n"

    told = problem(space(f"{SCALE}: [1.0, 2.0]"), registry)
    assert told.startswith(f"g.yaml:5:44 {SCALE}: {NOTHING}")
    both = space(f"{SCALE}: [1.0, 2.0], {DEPTH}: [1, 2]")
    assert expanded(grid_of(both, registry), registry).tuned == ((SCALE, DEPTH),)
    by_depth = f"axes: {{{DEPTH}: [1, 2]}}\n" + space(f"{SCALE}: [1.0, 2.0]")
    assert expanded(grid_of(by_depth, registry), registry).tuned == ((), (SCALE,))


def test_beside_a_sampler_a_setting_is_judged_at_the_ends_of_its_ranges(registry):
    pytest.importorskip("optuna")

    def text(rest, space):
        return f"{rest}\nsampler: {{type: optuna, trials: 2, space: {{{space}}}}}\n"

    rate = "train.optimizer.lr: {low: 1.0e-4, high: 1.0e-2, log: true}"
    axis, variant = f"axes: {{{SCALE}: [1.0, 2.0]}}", f"variants: {{a: {{}}, b: {{{SCALE}: 3.0}}}}"
    assert problem(text(axis, rate), registry).startswith(f"g.yaml:5:8 {SCALE}: {NOTHING}")
    assert f"g.yaml:5:23 {SCALE}: {NOTHING}" in problem(text(variant, rate), registry)
    depth = f"{rate}, {DEPTH}: [1, 2]"  # where it is 2 the scale is read
    for rest in (axis, variant):
        assert len(runs(text(rest, depth), registry)) == 2
    by_depth = f"axes: {{{DEPTH}: [1, 2], {SCALE}: [1.0, 2.0]}}"
    assert cells(runs(text(by_depth, rate), registry)) == [
        ("", {DEPTH: 1}, (SCALE,)),
        ("", {DEPTH: 2, SCALE: 1.0}, ()),
        ("", {DEPTH: 2, SCALE: 2.0}, ()),
    ]


def test_torchs_random_numbers_are_left_as_they_were(registry):
    before = torch.get_rng_state()
    runs(f"axes: {{{DEPTH}: [1, 2]}}\n", registry)
    assert torch.equal(before, torch.get_rng_state())


def test_a_task_too_large_to_be_drawn_is_taken_at_its_word(registry):
    planned = runs("axes: {task.length: [8, 1000000000000], train.steps: [5, 10]}\n", registry)
    assert len(planned) == 4
