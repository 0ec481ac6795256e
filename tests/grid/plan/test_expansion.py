"""What a grid's words mean: which runs, in which order, and everything that can be wrong."""

from __future__ import annotations

import time
from typing import Any

import pytest

from seqzoo.errors import SpecError
from seqzoo.grid.plan.expansion import PlannedRun, expand
from seqzoo.registry import Registry, load_registry
from seqzoo.spec.document import parse_document
from seqzoo.spec.grid import GridSpec
from seqzoo.spec.run import RunSpec

BASE = """\
base:
  model: {width: 16, layers: 2, mixer: recurrent}
  task: {type: local_xor, length: 16, vocab_size: 8}
  train: {steps: 10, optimizer: {lr: 1e-3}}
"""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry([])


def grid(text: str, base: str = BASE) -> GridSpec:
    document = parse_document(base + text, "g.yaml")
    spec, problems = document.check(GridSpec)
    assert spec is not None, problems
    return spec.written_in(document)


def runs(text: str, registry: Registry, base: str = BASE) -> tuple[PlannedRun, ...]:
    return expand(grid(text, base), registry)


def problems(text: str, registry: Registry, base: str = BASE) -> list[str]:
    with pytest.raises(SpecError) as failure:
        runs(text, registry, base)
    return [str(problem) for problem in failure.value.problems]


def mixer(run: PlannedRun) -> dict[str, Any]:
    assert run.spec.model.mixer is not None
    return run.spec.model.mixer.model_dump()


def test_a_base_alone_is_one_run(registry: Registry) -> None:
    (run,) = runs("name: alone\n", registry)
    assert (run.variant, run.point, run.seed) == ("", {}, 0)
    assert run.run_id == run.spec.run_id


def test_the_documents_example(registry: Registry) -> None:
    text = """\
variants:
  full: {}
  ema: {model.mixer.anchor: ema}
axes: {task.type: [local_xor, parity]}
seeds: 2
"""
    planned = runs(text, registry)
    assert [(run.variant, run.point["task.type"], run.seed) for run in planned] == [
        (variant, task, seed)
        for variant in ("full", "ema")
        for task in ("local_xor", "parity")
        for seed in (0, 1)
    ]
    assert len({run.run_id for run in planned}) == 8
    assert mixer(planned[-1])["anchor"]["type"] == "ema"
    task = planned[-1].spec.task.model_dump()
    assert (task["type"], task["length"], task["vocab_size"]) == ("parity", 16, 8)


def test_axes_are_a_product_and_pairs_are_not(registry: Registry) -> None:
    text = """\
paired: {model.width: [16, 32], train.optimizer.lr: [1e-3, 1e-4]}
axes: {model.mixer.heads: [1, 2], task.length: [8, 12, 16]}
"""
    points = [tuple(run.point.values()) for run in runs(text, registry)]
    assert points == [
        (width, lr, heads, length)
        for width, lr in ((16, 0.001), (32, 0.0001))
        for heads in (1, 2)
        for length in (8, 12, 16)
    ]


def test_several_pairings_are_a_product_of_pairings(registry: Registry) -> None:
    text = "paired: [{model.width: [16, 32], train.steps: [1, 2]}, {task.length: [8, 12]}]\n"
    points = [tuple(run.point.values()) for run in runs(text, registry)]
    assert points == [(16, 1, 8), (16, 1, 12), (32, 2, 8), (32, 2, 12)]


@pytest.mark.parametrize(
    ("seeds", "expected"), [("seeds: 3", [0, 1, 2]), ("seeds: [7, 3]", [7, 3]), ("", [5])]
)
def test_seeds(registry: Registry, seeds: str, expected: list[int]) -> None:
    planned = runs(seeds + "\n", registry, BASE + "  seed: 5\n")
    assert [run.seed for run in planned] == [run.spec.seed for run in planned] == expected


def test_excluded_points(registry: Registry) -> None:
    text = """\
variants: {a: {}, b: {model.width: 32}}
axes: {task.type: [local_xor, parity], model.mixer: [recurrent, {type: attention, heads: 2}]}
exclude:
  - {variant: b, task.type: parity}
  - {model.mixer: {type: attention, heads: 2}, task.type: local_xor}
"""
    cells = [(run.variant, *run.point.values()) for run in runs(text, registry)]
    assert cells == [
        ("a", "local_xor", "recurrent"),
        ("a", "parity", "recurrent"),
        ("a", "parity", {"type": "attention", "heads": 2}),
        ("b", "local_xor", "recurrent"),
    ]


def test_parents_are_set_before_what_is_inside_them(registry: Registry) -> None:
    text = """\
variants: {two: {model.mixer.heads: 2}, four: {model.mixer.heads: 4}}
axes: {model.mixer: [recurrent, attention]}
"""
    assert [(mixer(run)["type"], mixer(run)["heads"]) for run in runs(text, registry)] == [
        ("recurrent", 2),
        ("attention", 2),
        ("recurrent", 4),
        ("attention", 4),
    ]


def test_a_mapping_without_a_type_changes_only_what_it_names(registry: Registry) -> None:
    text = "variants: {a: {}, b: {model: {mixer: {heads: 2}, width: 32}, train: {clip: null}}}\n"
    one, other = runs(text, registry)
    assert other.spec.model.width == 32
    assert other.spec.model.layers == 2
    assert mixer(other) == {**mixer(one), "heads": 2}
    assert other.spec.train.clip is None
    assert other.spec.train.steps == 10


def test_a_part_given_as_a_whole_leaves_no_key_of_the_old_one(registry: Registry) -> None:
    base = BASE.replace(
        "{type: local_xor, length: 16, vocab_size: 8}", "{type: mqar, num_pairs: 2}"
    )
    text = "axes: {task: [{type: mqar, num_pairs: 4}, {type: parity, length: 8}]}\n"
    planned = runs(text, registry, base)
    assert [run.spec.task.part.name for run in planned] == ["mqar", "parity"]


def test_a_type_keeps_its_siblings_and_names_those_it_does_not_know(registry: Registry) -> None:
    base = BASE.replace(
        "{type: local_xor, length: 16, vocab_size: 8}", "{type: mqar, num_pairs: 2}"
    )
    (only,) = problems("axes: {task.type: [mqar, parity]}\n", registry, base)
    assert only.startswith(
        "g.yaml:3:22 task.num_pairs: unknown key 'num_pairs' in task 'parity', which the axis "
        "task.type sets at g.yaml:5:26 (in task.type=parity); known: "
    )


def test_layers_of_a_pattern_are_numbered(registry: Registry) -> None:
    base = BASE.replace("layers: 2", "layers: [{repeat: 2}, {mixer: attention}]")
    text = "variants: {a: {}, b: {model.layers.1.mixer: recurrent, model.layers.0.repeat: 3}}\n"
    one, other = runs(text, registry, base)
    names = [layer.mixer.part.name for layer in one.spec.model.blocks()]
    assert names == ["recurrent", "recurrent", "attention"]
    assert [layer.mixer.part.name for layer in other.spec.model.blocks()] == ["recurrent"] * 4


def test_two_points_may_be_one_run_but_two_variants_may_not(registry: Registry) -> None:
    text = "axes: {model.mixer: [recurrent, {type: recurrent}]}\nseeds: 2\n"
    planned = runs(text, registry)
    assert len(planned) == 4
    assert len({run.run_id for run in planned}) == 2
    assert problems("variants: {a: {}, b: {model.width: 16}}\nseeds: 2\n", registry) == [
        "g.yaml:5:19 variants.b: the same run as variant 'a'; a variant changes something; remove "
        "one of the two"
    ]


def test_every_problem_of_every_cell_is_told_once(registry: Registry) -> None:
    text = """\
variants:
  a: {}
  b: {model.wdth: 32}
  c: {model.mixer: attentoin}
axes: {task.length: [8, -1, long], train.stepz: [1, 2]}
seeds: 3
"""
    assert problems(text, registry) == [
        "g.yaml:7:7 model.wdth: unknown key 'wdth' in 'model' (in variant 'b'); did you mean "
        "'width'?",
        "g.yaml:8:20 model.mixer: unknown mixer 'attentoin' (in variant 'c'); did you mean "
        "'attention'?",
        "g.yaml:9:25 task.length: expected a whole number greater than 0, got -1 (int) (in "
        "task.length=-1)",
        "g.yaml:9:29 task.length: expected a whole number, got 'long' (text) (in task.length=long)",
        "g.yaml:9:36 train.stepz: unknown key 'stepz' in 'train'; did you mean 'steps'?",
    ]


def test_a_problem_of_the_base_is_where_the_base_is(registry: Registry) -> None:
    base = BASE.replace("steps: 10", "steps: ten")
    assert problems("axes: {model.width: [16, 32]}\n", registry, base) == [
        "g.yaml:4:18 train.steps: expected a whole number, got 'ten' (text)"
    ]


def test_an_option_of_one_choice_is_left_out_of_the_others(registry: Registry) -> None:
    text = """\
variants: {recurrent: {}, attention: {model.mixer: attention}, bare: {model.mlp: null}}
axes: {model.mixer.forget: [none, head_decay], model.mlp.ratio: [2.0, 4.0], task.length: [8, 12]}
exclude: [{variant: attention, model.mixer.forget: head_decay}]
"""
    planned = runs(text, registry)
    found = [(run.variant, *run.point.values(), run.dropped) for run in planned]
    forget, ratio = "model.mixer.forget", "model.mlp.ratio"
    assert found == [
        *(
            ("recurrent", a, r, n, ())
            for a in ("none", "head_decay")
            for r in (2.0, 4.0)
            for n in (8, 12)
        ),
        *(("attention", r, n, (forget,)) for r in (2.0, 4.0) for n in (8, 12)),
        *(("bare", a, n, (ratio,)) for a in ("none", "head_decay") for n in (8, 12)),
    ]
    assert len({run.run_id for run in planned}) == len(planned)
    assert all(run.spec.model.mlp is None for run in planned if run.variant == "bare")


def test_an_option_that_is_wrong_where_it_is_known_is_told(registry: Registry) -> None:
    text = "axes: {model.mixer: [recurrent, attention, recurent], model.mixer.forget: [none, nine]}"
    assert problems(text, registry) == [
        "g.yaml:5:44 model.mixer: unknown mixer 'recurent' (in model.mixer=recurent); did you mean "
        "'recurrent'?",
        "g.yaml:5:82 model.mixer.forget: unknown forget 'nine' (in model.mixer=recurrent, "
        "model.mixer.forget=nine); did you mean 'none'?",
    ]


def test_the_grids_of_a_union_share_what_is_written_beside_them(registry: Registry) -> None:
    text = """\
variants: {full: {}}
axes: {task.length: [8, 12]}
seeds: [4]
exclude: [{variant: wide, task.length: 12}]
grids:
  - variants: {wide: {model.width: 32}}
  - axes: {model.mixer.heads: [1, 2]}
    exclude: [{model.mixer.heads: 2, task.length: 8}]
    seeds: 2
  - paired: {train.steps: [1, 2], train.batch_size: [3, 4]}
    exclude: [{task.length: 8}]
  - variants: {wide: {model.width: 32}}
"""
    found = [(run.variant, *run.point.values(), run.seed) for run in runs(text, registry)]
    assert found == [
        ("full", 8, 4),
        ("full", 12, 4),
        ("wide", 8, 4),
        ("full", 8, 1, 0),
        ("full", 8, 1, 1),
        ("full", 12, 1, 0),
        ("full", 12, 1, 1),
        ("full", 12, 2, 0),
        ("full", 12, 2, 1),
        ("full", 1, 3, 12, 4),
        ("full", 2, 4, 12, 4),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "axes: {model.width: [16], model: [{width: 32}]}\n",
            "g.yaml:5:36 model.width: set by the axis model, and by the axis model.width at "
            "g.yaml:5:22; set it in one of the two",
        ),
        (
            "variants: {a: {train.steps: 5, train: {steps: 6}}}\n",
            "g.yaml:5:40 train.steps: set by variant 'a', and by variant 'a' at g.yaml:5:16",
        ),
        (
            "paired: {model.width: [16, 32], task.length: [8]}\n",
            "g.yaml:5:33 paired.task.length: 1 value, and 2 of model.width to go with; paired "
            "lists are equally long; for all combinations write 'axes'",
        ),
        (
            "axes: {seed: [1, 2]}\n",
            "g.yaml:5:8 axes.seed: a run's seed is not set by a delta; list the seeds under",
        ),
        (
            "axes: {model..width: [1, 2]}\n",
            "g.yaml:5:8 axes.model..width: not a path; write keys joined by dots, such as "
            "train.optimizer.lr",
        ),
        ("seeds: [1, 2, 1]\n", "g.yaml:5:15 seeds.2: seed 1 is listed twice"),
        (
            "variants: {a: {}}\nexclude: [{variant: b}]\n",
            "g.yaml:6:11 exclude.0: excludes nothing: no cell has these values; variant: a",
        ),
        (
            "axes: {model.width: [16, 32]}\nexclude: [{model.with: 16}]\n",
            "g.yaml:6:12 exclude.0.model.with: 'model.with' is not an axis of this grid; did you "
            "mean 'model.width'?",
        ),
        (
            "axes: {model.width: [16, 32]}\nexclude: [{model.width: 16}, {model.width: 32}]\n",
            "g.yaml:6:1 exclude: every cell is excluded; leave some",
        ),
        (
            "axes: {model.tie_embeddings: [true, false]}\nexclude: [{model.tie_embeddings: 1}]\n",
            "g.yaml:6:11 exclude.0: excludes nothing: no cell has these values; "
            "model.tie_embeddings: true, false",
        ),
        (
            "variants: {a: {model.width.x: 1}}\n",
            "g.yaml:5:16 model.width.x: model.width is 16, which has no 'x'",
        ),
    ],
)
def test_grids_that_make_no_sense(registry: Registry, text: str, message: str) -> None:
    (only,) = problems(text, registry)
    assert only.startswith(message)


def test_ten_thousand_cells_are_no_trouble(registry: Registry) -> None:
    numbers = ", ".join(str(16 * number) for number in range(1, 101))
    text = f"axes: {{model.width: [{numbers}], train.steps: [{numbers}]}}\n"
    spec = grid(text)
    start = time.perf_counter()
    planned = expand(spec, registry)
    seconds = time.perf_counter() - start
    assert len({run.run_id for run in planned}) == 10_000
    print(f"{seconds:.1f} s")  # told, not judged: the machine is shared
    last = planned[-1].spec
    assert (
        RunSpec.model_validate(last.model_dump(mode="json"), context={"catalog": registry}).run_id
        == planned[-1].run_id
    )


@pytest.mark.parametrize(
    ("one", "other"), [("a", "a "), ("\\u00e9", "e\\u0301"), ("a\\nb", "a\\\\nb"), ("a b", "a  b")]
)
def test_variants_that_look_alike_are_refused(registry: Registry, one: str, other: str) -> None:
    text = f'variants: {{"{one}": {{}}, "{other}": {{model.layers: 1}}}}\n'
    (problem,) = problems(text, registry)
    assert "looks like" in problem
    assert "no table can tell them apart; rename one of the two" in problem
