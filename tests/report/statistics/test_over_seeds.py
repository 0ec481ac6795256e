import pytest

from seqzoo.errors import SpecError
from seqzoo.report.collect.directory import collect
from seqzoo.report.statistics.over_seeds import make_cells, own_cells
from seqzoo.train.record import MetricFacts


def cells_of(grid, metric=None):
    cells = make_cells(collect(grid.path), metric)
    return {(cell.variant, *cell.point.values()): cell for cell in cells}


def test_cells_in_the_plans_order(ablation):
    assert list(cells_of(ablation)) == [
        (variant, task) for task in ("xor", "parity") for variant in ("full", "thin", "plain")
    ]


def test_a_cell_sums_up_its_seeds(ablation):
    cell = cells_of(ablation)["full", "xor"]
    assert cell.values == {0: 0.95, 1: 0.97}
    assert cell.summary is not None
    assert cell.summary.mean == pytest.approx(0.96)
    assert cell.summary.sd == pytest.approx(0.02 / 2**0.5)
    assert (cell.metric, cell.higher_is_better) == ("accuracy", True)
    assert (cell.planned, cell.missing, cell.failed, cell.n) == (2, 0, 0, 2)
    assert (cell.reached, cell.reached_at, cell.steps) == ((40, 60), 50, 50)
    assert (cell.parameters, cell.state_size) == ((4000, 4000), (256, 256))
    assert cell.speed is not None
    assert (cell.speed.minimum, cell.speed.mean, cell.speed.maximum) == (5000, 5000, 5000)
    assert cell.difference is None, "the base itself"


def test_differences_to_the_base_are_paired_by_seed_at_the_same_point(ablation):
    cells = cells_of(ablation)
    cells = cells_of(ablation, "loss")
    thin, parity = cells["thin", "xor"].difference, cells["thin", "parity"].difference
    assert thin is not None
    assert parity is not None
    mean = (0.95 - 0.91 + 0.97 - 0.55) / 2
    assert (thin.summary.n, thin.summary.mean, thin.sign) == (2, pytest.approx(mean), "")
    assert (parity.summary.n, parity.summary.mean) == (1, pytest.approx(-0.1))


def test_where_runs_stop_at_a_target_the_steps_to_it_are_compared(ablation):
    cells = cells_of(ablation)
    full, thin, plain = (cells[variant, "xor"] for variant in ("full", "thin", "plain"))
    assert (full.measure.name, full.measure.higher_is_better) == ("steps to accuracy 0.9", False)
    assert (full.measure.values, full.measure.censored) == ({0: 40, 1: 60}, frozenset())
    assert (thin.measure.values, thin.measure.censored) == ({0: 80, 1: 100}, {1})
    assert thin.difference is not None
    assert (thin.difference.summary.values, thin.difference.sign) == ((40, 40), "≥")
    assert plain.difference is not None
    assert (plain.difference.summary.values, plain.difference.sign) == ((60, 40), "≥")
    parity = cells["thin", "parity"]
    assert parity.measure.name == "accuracy", "where none met it, all had the same steps"
    assert parity.difference is not None
    assert (parity.difference.summary.values, parity.difference.sign) == (pytest.approx((0.1,)), "")


def test_a_cell_that_lacks_an_axis_is_a_reference_at_each_of_its_values(grid):
    for depth in (1, 2):
        grid.cell("full", {0: 0.5 + depth / 10}, {"model.depth": depth})
    grid.cell("attention", {0: 0.9})
    grid.freeze(base="full")
    cells = make_cells(collect(grid.path))
    assert [
        (c.variant, c.point, c.at, c.difference and c.difference.summary.mean) for c in cells
    ] == [
        ("full", {"model.depth": 1}, {}, None),
        ("full", {"model.depth": 2}, {}, None),
        ("attention", {}, {"model.depth": 1}, pytest.approx(0.3)),
        ("attention", {}, {"model.depth": 2}, pytest.approx(0.2)),
    ]
    assert len(own_cells(cells)) == 3


def test_a_base_without_the_axis_is_the_base_at_each_of_its_values(grid):
    grid.cell("attention", {0: 0.9})
    for depth in (1, 2):
        grid.cell("full", {0: 0.5 + depth / 10}, {"model.depth": depth})
    grid.freeze(base="attention")
    cells = make_cells(collect(grid.path))
    assert [c.is_base for c in cells] == [True, True, False, False]
    assert [c.difference and c.difference.summary.mean for c in cells[2:]] == [
        pytest.approx(-0.3),
        pytest.approx(-0.2),
    ]


def test_failed_diverged_and_missing_runs_stay_visible_and_out_of_the_mean(ablation):
    cells = cells_of(ablation)
    assert (cells["full", "parity"].failed, cells["full", "parity"].n) == (1, 1)
    diverged = cells["thin", "parity"]
    assert (diverged.failed, diverged.values) == (1, {0: 0.8})
    missing = cells["plain", "parity"]
    assert (missing.missing, missing.summary, missing.difference) == (2, None, None)
    assert missing.metric == "accuracy", "as its task's other cells"


def test_the_target_is_met_by_some_or_none(ablation):
    cells = cells_of(ablation)
    assert (cells["thin", "xor"].reached, cells["thin", "xor"].n) == ((80,), 2)
    assert cells["plain", "xor"].reached_at is None


def test_another_metric_has_no_target_and_no_known_direction(ablation):
    cell = cells_of(ablation, "loss")["full", "xor"]
    assert cell.summary is not None
    assert cell.summary.mean == pytest.approx(0.04)
    assert (cell.metric, cell.target, cell.higher_is_better) == ("loss", None, None)


def test_an_unknown_metric_is_refused_with_the_nearest(ablation):
    with pytest.raises(SpecError, match="no record here has a metric 'acuracy'; did you mean"):
        cells_of(ablation, "acuracy")


def test_each_task_has_its_own_metric_and_none_is_compared_with_another(grid):
    bits = MetricFacts(name="bits", higher_is_better=False, chance=None)
    grid.cell("full", {0: 0.9}, {"task": "parity"})
    grid.run("thin", 0, {"task": "text"})
    grid.cell("thin", {0: 0.5}, {"task": "parity"}, metric=bits, metrics={"bits": 2.0})
    grid.freeze(base="full")
    cells = cells_of(grid)
    assert cells["thin", "parity"].metric == "bits"
    assert cells["thin", "parity"].higher_is_better is False
    assert cells["thin", "parity"].difference is None


def test_a_grid_without_any_record_has_cells_without_metric(grid):
    grid.run("a")
    grid.freeze()
    (cell,) = cells_of(grid).values()
    assert (cell.metric, cell.missing, cell.parameters) == ("", 1, None)
