from dataclasses import replace

import pytest

from seqzoo.report.statistics.measure import Difference, Measure
from seqzoo.report.statistics.over_seeds import Cell
from seqzoo.report.statistics.summary import summarize
from seqzoo.report.tables.wording import (
    difference_text,
    mean_text,
    metric_text,
    number,
    signed,
    span,
    steps_text,
)


def difference(*values, **bounds):
    summary = summarize(values)
    assert summary is not None
    return Difference(summary, **bounds)


@pytest.fixture
def cell():
    return Cell(
        variant="a",
        point={},
        metric="accuracy",
        higher_is_better=True,
        target=0.9,
        max_steps=4000,
        planned=3,
        missing=0,
        failed=0,
        values={0: 0.5, 1: 0.6, 2: 0.7},
        summary=summarize([0.5, 0.6, 0.7]),
        measure=Measure("steps to accuracy 0.9", False, {0: 4000, 1: 4000, 2: 4000}),
    )


def test_numbers():
    values = (0, 0.98765, 9.9999, 12.345, 123.456, 12345.6, 0.0000123, -0.5, float("inf"))
    assert [number(value) for value in values] == [
        *("0.000", "0.988", "10.000", "12.35", "123.5", "12,346", "1.23e-05", "-0.500", "inf")
    ]
    values = (0.0125, -0.25, 0.0004, -0.0004, 0.000977, float("inf"), float("-inf"))
    assert [signed(value, like=0.5) for value in values] == [
        *("+0.013", "-0.250", "0.000", "0.000", "+0.001", "+inf", "-inf")
    ]
    assert [signed(2.345, like) for like in (50, 500, 5000, 0)] == [
        *("+2.35", "+2.3", "+2", "+2.345")
    ]
    assert [signed(value, like=1e-5) for value in (-2e-6, 0.0)] == ["-2.00e-06", "0.000"]
    assert span([None]) == ""
    assert span([4000.0, None, 4000.0]) == "4.0k"
    assert span([5000.0, 4000.0]) == "4.0k-5.0k"


def test_a_metric_with_all_its_seeds(cell):
    assert metric_text(cell) == "0.600 ± 0.100"
    assert metric_text(replace(cell, summary=summarize([0.6]))) == "0.600"
    assert metric_text(replace(cell, summary=summarize([1e-5, 2e-5]))) == "1.50e-05 ± 7.1e-06"
    assert metric_text(replace(cell, summary=summarize([1000.0, 1002.0]))) == "1,001 ± 1"


def test_a_metric_that_lacks_seeds_says_so(cell):
    assert metric_text(replace(cell, failed=1)) == "0.600 ± 0.100 (1 failed)"
    none = replace(cell, summary=None, values={})
    assert metric_text(replace(none, missing=3)) == "missing"
    assert metric_text(replace(none, failed=3)) == "failed"
    assert metric_text(replace(none, failed=1, missing=2)) == "1 failed, 2 missing"
    assert metric_text(none) == "not measured"


def test_steps_to_the_target(cell):
    assert steps_text(cell) == "not within 4,000 steps"
    assert steps_text(replace(cell, reached=(1000, 1500, 2001))) == "1,500"
    assert steps_text(replace(cell, reached=(1000, 1500))) == "1,250 (2 of 3 seeds)"
    assert steps_text(replace(cell, values={}, summary=None)) == ""
    assert steps_text(replace(cell, target=None)) == ""


def test_a_difference_has_the_decimals_of_its_cell_and_its_interval(cell):
    assert difference_text(replace(cell, is_base=True), interval=True) == "base"
    assert difference_text(cell, interval=True) == ""
    cell = replace(cell, target=None, measure=Measure("accuracy", True, cell.values))
    thin = replace(cell, difference=difference(0.01, 0.03))
    assert difference_text(thin, interval=False) == "+0.020"
    assert difference_text(thin, interval=True) == "+0.020 [+0.010, +0.030]"
    alone = replace(cell, difference=difference(0.000977))
    assert difference_text(alone, interval=True) == "+0.001"


def test_a_difference_of_steps_says_where_it_is_a_bound(cell):
    late = replace(cell, difference=difference(1000, 1500, is_low=True))
    assert difference_text(late, interval=True) == "≥ +1,250 [+1,000, +1,500]"
    early = replace(cell, difference=difference(-1000, -1500, is_high=True))
    assert difference_text(early, interval=False) == "≤ -1,250"
    neither = replace(cell, difference=difference(0, is_low=True, is_high=True))
    assert difference_text(neither, interval=True) == "~ 0"


def test_the_mean_of_what_is_compared(cell):
    assert mean_text(cell) == "4,000"
    measure = replace(cell.measure, censored=frozenset({1}))
    assert mean_text(replace(cell, measure=measure)) == "≥ 4,000"
    assert (
        mean_text(replace(cell, target=None, measure=Measure("accuracy", True, cell.values)))
        == "0.600"
    )
