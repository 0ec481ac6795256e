import pytest

from seqzoo import load_registry
from seqzoo.errors import SpecError
from seqzoo.grid.expand.unread import unread_in
from seqzoo.grid.plan.expansion import expand, expanded
from seqzoo.spec.document import parse_document
from seqzoo.spec.grid import GridSpec
from seqzoo.spec.run import RunSpec

BASE = """\
base:
  model: {width: 16, layers: LAYERS, mixer: {type: attention, heads: 1}}
  task: {type: parity, length: 8}
  train: {steps: 10}
"""
OWN = "[{mixer: {type: attention, heads: 2}}, {mixer: attention, mlp: null}]"


@pytest.fixture(scope="module")
def registry():
    return load_registry()


def grid_of(text, registry, layers="2"):
    document = parse_document(BASE.replace("LAYERS", layers) + text, "g.yaml")
    return document.validate(GridSpec, registry).written_in(document)


def runs(text, registry, layers="2"):
    return expand(grid_of(text, registry, layers), registry)


def problem(text, registry, layers="2"):
    with pytest.raises(SpecError) as told:
        runs(text, registry, layers)
    return str(told.value)


def test_an_axis_that_a_hybrid_does_not_read_is_left_out_of_it(registry):
    text = f"variants: {{plain: {{}}, hybrid: {{model.layers: {OWN}}}}}\n"
    planned = runs(text + "axes: {model.mixer.heads: [1, 2, 4]}\n", registry)
    assert [(run.variant, dict(run.point), run.dropped) for run in planned] == [
        *(("plain", {"model.mixer.heads": heads}, ()) for heads in (1, 2, 4)),
        ("hybrid", {}, ("model.mixer.heads",)),
    ]


def test_an_axis_that_nothing_reads_anywhere_is_an_error_at_its_line(registry):
    assert problem("axes: {model.mixer.heads: [1, 2]}\n", registry, OWN) == (
        "g.yaml:5:8 model.mixer.heads: changes nothing, as every group of model.layers names its "
        "own mixer; set it inside the pattern, such as model.layers.0.mixer, or leave it out"
    )


@pytest.mark.parametrize(
    ("delta", "place"),
    [
        ("model.mixer: {type: attention, heads: 4}", "g.yaml:5:26 model.mixer"),
        ("model.mixer.heads: 4", "g.yaml:5:26 model.mixer.heads"),
    ],
)
def test_a_variant_that_sets_what_nothing_reads_is_an_error(delta, place, registry):
    text = f"variants: {{full: {{}}, v: {{{delta}}}}}\n"
    assert problem(text, registry, OWN).startswith(f"{place}: changes nothing")


def test_a_pairing_that_sets_what_nothing_reads_is_an_error(registry):
    text = "paired: {model.mixer.heads: [1, 2], train.steps: [5, 6]}\n"
    assert "model.mixer.heads: changes nothing" in problem(text, registry, OWN)


def test_an_mlp_that_each_group_has_of_its_own_is_not_read(registry):
    layers = "[{mlp: {ratio: 2.0}}, {mlp: null}]"
    assert problem("axes: {model.mlp.ratio: [2.0, 4.0]}\n", registry, layers).startswith(
        "g.yaml:5:8 model.mlp.ratio: changes nothing, as every group of model.layers has its own"
    )
    assert len(runs("axes: {model.mlp.ratio: [2.0, 4.0]}\n", registry, "[{}, {mlp: null}]")) == 2


def test_a_path_of_a_samplers_space_that_nothing_reads_is_an_error(registry):
    pytest.importorskip("optuna")
    text = "sampler: {type: optuna, trials: 2, space: {model.mixer.heads: [1, 2]}}\n"
    assert problem(text, registry, OWN).startswith("g.yaml:5:44 model.mixer.heads: changes nothing")
    hybrid = f"variants: {{plain: {{}}, hybrid: {{model.layers: {OWN}}}}}\n"
    assert expanded(grid_of(hybrid + text, registry), registry).tuned == (
        ("model.mixer.heads",),
        (),
    )


def test_points_that_are_equal_in_all_that_is_read_share_one_run(registry):
    text = "axes: {model.layers: [2, [{repeat: 2}], [{}, {}], 3]}\n"
    planned = runs(text, registry)
    assert len(planned) == 4
    assert len({run.run_id for run in planned}) == 2


def test_variants_that_are_equal_in_all_that_is_read_are_an_error(registry):
    text = "variants: {one: {}, two: {model.layers: [{repeat: 2}]}}\n"
    assert problem(text, registry).startswith("g.yaml:5:27 model.layers: changes nothing")


def test_what_is_unread_by_its_words_alone(registry):
    def spec(layers, heads):
        text = BASE.replace("LAYERS", layers).replace("heads: 1", f"heads: {heads}")
        data = parse_document(text, "b.yaml").data["base"]
        return RunSpec.model_validate(data, context={"catalog": registry})

    assert [each.path for each in unread_in(spec(OWN, 1))] == [("model", "mixer")]
    assert [*unread_in(spec("2", 1))] == []
