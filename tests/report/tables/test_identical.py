"""Different runs with the same numbers."""

import pytest

from seqzoo.report.collect.directory import collect
from seqzoo.report.tables.identical import identical_notes

A, B = 0.123456789, 0.223456789


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ({0: A, 1: B}, {0: A, 1: B}, True),
        ({0: A, 1: B}, {0: A, 1: B + 1e-15}, False),
        ({0: A, 1: B}, {0: A}, False),  # one seed is not done yet
        ({0: 1.0, 1: 1.0}, {0: 1.0, 1: 1.0}, False),  # a perfect score is no sign
    ],
)
def test_cells_with_the_same_numbers_are_named(grid, first, second, told):
    grid.cell("a", first, {"model.mixer.depth": 1})
    grid.cell("b", second, {"model.mixer.depth": 2})
    grid.cell("c", {0: 0.323456789}, {"model.mixer.depth": 1})
    grid.freeze()
    sentence = (
        "a, depth=1 and b, depth=2 ended with the same metrics, digit for digit, in 2 seeds: what "
        "they differ in changed nothing"
    )
    assert identical_notes(collect(grid.path)) == ([sentence] if told else [])


def test_cells_that_share_a_run_are_no_finding(grid):
    grid.cell("a", {0: A})
    grid.rows.append(grid.rows[0].model_copy(update={"variant": "b"}))
    grid.freeze()
    assert identical_notes(collect(grid.path)) == []
