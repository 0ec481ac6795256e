from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from seqzoo.report import make_report
from seqzoo.report.statistics.overall import compare_overall

SCORES = {
    ("full", "xor"): (0.9, 0.8, 0.85),
    ("full", "parity"): (0.7, 0.75, 0.6),
    ("thin", "xor"): (0.5, 0.6, 0.55),
    ("thin", "parity"): (0.65, 0.7, 0.5),
    ("wide", "xor"): (0.91, 0.79, 0.86),
    ("wide", "parity"): (0.72, 0.74, 0.63),
}


def fill(grid, scores=SCORES, **changes):
    for (variant, task), values in scores.items():
        grid.cell(variant, dict(enumerate(values)), {"task.type": task}, **changes)
    grid.freeze(base="full")
    return grid


def found(grid):
    report = make_report(grid.path)
    return compare_overall(report.collection, report.cells)


def test_variants_are_compared_over_all_points(grid):
    (overall,) = found(fill(grid))
    assert (overall.measure, overall.points, overall.left_out) == ("accuracy", 2, 0)
    full, thin, wide = overall.standings
    assert [each.name for each in overall.standings] == ["full", "thin", "wide"]
    every = [value for (variant, _), own in SCORES.items() if variant == "thin" for value in own]
    assert thin.middle.value == pytest.approx(stats.trim_mean(every, 0.25))
    assert (full.improvement, full.p, full.seeds) == (None, None, None)
    assert thin.improvement is not None
    assert thin.improvement.value == pytest.approx((0 + 2.5 / 9) / 2)
    raw = []
    for variant in ("thin", "wide"):
        pairs = [
            np.subtract(SCORES[variant, task], SCORES["full", task]) for task in ("xor", "parity")
        ]
        values = np.concatenate(pairs)
        test = stats.permutation_test(
            (values, np.zeros(6)), lambda a, b: np.mean(a - b), permutation_type="samples"
        )
        raw.append(test.pvalue)
    assert [thin.p, wide.p] == pytest.approx([min(raw) * 2, max(raw)])
    assert (thin.pairs, wide.pairs) == (6, 6)


def test_points_that_a_variant_lacks_are_left_out_of_all(grid):
    scores = {key: values for key, values in SCORES.items() if key != ("wide", "parity")}
    (overall,) = found(fill(grid, scores))
    assert (overall.points, overall.left_out) == (1, 1)
    assert [each.pairs for each in overall.standings] == [0, 3, 3]


def test_a_reference_is_compared_at_every_point(grid):
    for depth in (1, 2):
        grid.cell("full", {0: 0.5, 1: 0.6}, {"model.depth": depth})
    grid.cell("attention", {0: 0.9, 1: 0.7})
    grid.freeze(base="full")
    (overall,) = found(grid)
    assert (overall.points, [each.pairs for each in overall.standings]) == (2, [0, 4])


def test_one_seed_at_one_point_says_nothing(grid):
    grid.cell("full", {0: 0.5})
    grid.cell("thin", {0: 0.6})
    grid.freeze(base="full")
    assert found(grid) == []


def test_tables_show_it_where_it_tells_much_or_is_asked_for(grid, make_grid):
    titles = [table.title for table in make_report(fill(grid).path).tables(80)]
    assert titles[-1] == "accuracy over 2 points", "six pairs"
    few = fill(make_grid("few"), {key: own[:2] for key, own in SCORES.items()})
    assert not any("points" in table.title for table in make_report(few.path).tables(80))
    asked = make_report(few.path, statistics=True)
    table = asked.tables(80)[-1]
    full, thin, _ = ([entry.text for entry in row] for row in table.rows)
    assert full[1].startswith("0.775 ["), "the mean of 0.75 and 0.8"
    assert (full[2], full[3], full[4]) == ("base", "", "")
    assert thin[4] == "0.250", "two of sixteen signs, for two comparisons"
    assert table.width <= 80
    assert "with 4 pairs p is at least 0.12" in " ".join(asked.notes([table]))
    assert "at 5 % with a power of 80 %" in " ".join(asked.notes([table]))
    silent = make_report(grid.path, statistics=False)
    assert not any("points" in table.title for table in silent.tables(80))
