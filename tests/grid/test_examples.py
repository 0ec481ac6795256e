"""The documented grids do what their comments say, in real (and very short) runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import seqzoo
from seqzoo import GridSpec, load_registry, load_spec
from seqzoo.grid import Plan, RunJob, View, make_plan, make_tuner, run_grid
from seqzoo.grid.plan.expansion import expand
from seqzoo.grid.plan.notes import plan_notes
from seqzoo.report import make_report
from seqzoo.report.statistics.over_seeds import own_cells

EXAMPLES = Path(__file__).parents[2] / "examples"
SHORT = ("base.train.steps=1", "base.train.evaluate={sequences: 4}", "base.task.test_size=8")
REGISTRY = load_registry()


def plan_of_example(name: str) -> Plan:
    spec = load_spec(EXAMPLES / f"{name}.yaml", REGISTRY, SHORT)
    assert isinstance(spec, GridSpec)
    return make_plan(name, expand(spec, REGISTRY), spec.all_variants())


def cells(plan: Plan) -> list[tuple[object, ...]]:
    return [(row.variant, *row.point.values()) for row in plan.runs]


@pytest.mark.parametrize(
    ("name", "rows", "runs"),
    [
        ("grid_options", 8, 8),
        ("grid_union", 24, 22),
        ("grid_paired", 6, 6),
        ("grid_exclude", 8, 8),
        ("grid_match", 6, 6),
    ],
)
def test_every_run_is_done(name: str, rows: int, runs: int, tmp_path: Path, inline) -> None:
    plan = plan_of_example(name)
    assert (len(plan.runs), len(plan.distinct())) == (rows, runs)
    outcome = run_grid(plan, tmp_path, inline(), RunJob(), View())
    assert (outcome.done, outcome.failures) == (runs, ())
    assert sum(cell.n for cell in own_cells(make_report(tmp_path).cells)) == rows


def test_rates_are_tuned_for_each_variant(tmp_path: Path, inline) -> None:
    pytest.importorskip("optuna", reason="Optuna is not installed: pip install 'seqzoo[optuna]'")
    spec = load_spec(EXAMPLES / "grid_tuned.yaml", REGISTRY, (*SHORT, "sampler.trials=2"))
    assert isinstance(spec, GridSpec)
    tuner = make_tuner(spec, REGISTRY)
    outcome = run_grid(tuner.plan("tuned"), tmp_path, inline(), RunJob(), View(), tuner)
    assert (outcome.done, outcome.failures) == (2 * (2 + 2), ())
    cells = make_report(tmp_path).cells
    assert [(cell.variant, cell.n) for cell in cells] == [("prism", 3), ("attention", 3)]
    rates = [cell.chosen.values["train.optimizer.lr"] for cell in cells if cell.chosen]
    assert len(set(rates)) == 2


def test_an_option_of_one_choice_is_no_factor_of_the_other() -> None:
    plan = plan_of_example("grid_options")
    for task in ("local_xor", "parity"):
        prisms = [("", task, "prism", depth) for depth in (1, 2, 4)]
        assert [cell for cell in cells(plan) if cell[1] == task] == [
            *prisms,
            ("", task, "attention"),
        ]
    assert plan_notes(plan) == [
        "model.mixer.depth makes no difference with model.mixer attention: 2 runs without it, each "
        "done once"
    ]


def test_a_union_shares_what_stands_beside_it() -> None:
    plan = plan_of_example("grid_union")
    assert plan.variants == ("full", "linear", "no-anchor")
    assert plan.base == "full"
    sweep = [row for row in plan.runs if "model.mixer.depth" in row.point]
    assert [row.seed for row in sweep] == [0, 1, 2] * 6
    shared = {row.run_id for row in sweep} & {row.run_id for row in plan.runs if row not in sweep}
    assert {plan.distinct()[run].point["model.mixer.depth"] for run in shared} == {2}


def test_budgets_are_matched() -> None:
    plan = plan_of_example("grid_match")
    counts = [seqzoo.build_model(row.spec, REGISTRY).parameter_count() for row in plan.runs]
    base = counts[0]
    assert [row.matched.reached for row in plan.runs if row.matched] == counts
    assert all(abs(count - base) <= 0.02 * base for count in counts)
    sizes = {
        row.variant: (row.matched.path, row.matched.before) for row in plan.runs if row.matched
    }
    assert sizes == {
        "prism": (None, None),
        "attention": ("model.mlp.ratio", 4.0),
        "no-mlp": ("model.width", 16),
    }
    assert plan_notes(plan)[0].startswith("attention, local_xor: model.mlp.ratio 5.")


def test_pairs_and_exclusions() -> None:
    pairs = dict.fromkeys((cell[1], cell[2]) for cell in cells(plan_of_example("grid_paired")))
    assert list(pairs) == [(16, 2e-3), (32, 1e-3), (64, 5e-4)]
    assert cells(plan_of_example("grid_exclude")) == [
        ("prism", "local_xor", 16),
        ("prism", "local_xor", 32),
        ("prism", "local_xor", 64),
        ("prism", "parity", 32),
        ("prism", "parity", 64),
        ("attention", "local_xor", 16),
        ("attention", "local_xor", 32),
        ("attention", "parity", 32),
    ]
