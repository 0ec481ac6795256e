"""A grid with a target that nobody meets at the smallest width: steps are compared elsewhere."""

import pytest

from seqzoo.report import make_report
from seqzoo.report.figures.along import draw_along_axes
from seqzoo.report.figures.bars import draw_bars
from seqzoo.report.figures.curves import draw_curves
from seqzoo.report.figures.pareto import draw_costs

WIDTHS = (8, 16, 24)


@pytest.fixture
def solved_by_the_wide(grid):
    rows = []
    for width in WIDTHS:
        for variant in ("full", "thin"):
            for seed in (0, 1):
                point = {"model.width": width}
                rows.append((grid.run(variant, seed, point, target=0.6), variant, width))
    grid.freeze(base="full")
    for run_id, variant, width in rows:
        value, met = (0.5, None) if width == 8 else (0.7, 40 if variant == "full" else 60)
        grid.record(run_id, value, steps=met or 100, reached_at=met, parameters=100 * width)
        grid.curve(run_id, {20: value / 2, met or 100: value})
    return make_report(grid.path)


@pytest.mark.parametrize(("draw", "places"), [(draw_along_axes, 3), (draw_costs, 3)])
def test_panels_over_several_points_draw_the_metric_of_all(solved_by_the_wide, draw, places):
    (drawing,) = draw(solved_by_the_wide)
    ax = drawing.figure.axes[0]
    assert ax.get_ylabel() == "accuracy (higher is better)"
    full = next(line for line in ax.get_lines() if line.get_label() == "full")
    assert len(full.get_xdata()) == places
    assert "The metric is drawn, not steps: at some points no run met the target." in (
        drawing.caption
    )


def test_curves_share_the_scale_of_the_metric(solved_by_the_wide):
    (drawing,) = draw_curves(solved_by_the_wide)
    assert len({ax.get_ylim() for ax in drawing.figure.axes}) == 1


def test_a_column_of_steps_and_metrics_says_which_are_steps(solved_by_the_wide):
    report = solved_by_the_wide
    (table,) = report.tables(width=100)
    place = [column.name for column in table.columns].index("vs base")
    differences = [row[place].text for row in table.rows]
    steps = "+20 [+20, +20] steps"
    assert differences == ["base", "0.000 [0.000, 0.000]", "base", steps, "base", steps]


def test_values_that_are_no_numbers_are_named_in_the_caption(grid):
    for clip in (0.5, 1.0, None):
        grid.cell("full", {0: 0.5, 1: 0.6}, {"train.clip": clip})
    grid.freeze(base="full")
    (drawing,) = draw_along_axes(make_report(grid.path))
    assert "Not drawn, since not numbers: null; the tables have them." in drawing.caption


def test_one_seed_is_called_one_seed(grid):
    for variant in ("full", "thin"):
        grid.cell(variant, {0: 0.5})
    grid.freeze(base="full")
    (drawing,) = draw_bars(make_report(grid.path))
    assert drawing.caption == "One seed each."
