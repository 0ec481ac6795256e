import pytest

from seqzoo.errors import SpecError
from seqzoo.report import make_report


@pytest.fixture
def pair(make_grid):
    before, after = make_grid("before"), make_grid("after")
    for directory, shift in ((before, 0.0), (after, 0.1)):
        directory.cell("full", {0: 0.5 + shift, 1: 0.6 + shift})
        directory.cell("thin", {0: 0.4, 1: 0.3 + shift})
        directory.freeze(base="full")
    return before.path, after.path


def test_each_cell_is_compared_with_its_like_in_the_first_directory(pair):
    report = make_report(pair[0], others=pair[1:])
    (table,) = report.tables(width=120)
    assert [column.name for column in table.columns][:4] == [
        *("variant", "directory", "accuracy", "vs base")
    ]
    assert [[entry.text for entry in row[:4]] for row in table.rows] == [
        ["full", "before", "0.550 ± 0.071", "base"],
        ["full", "after", "0.650 ± 0.071", "+0.100 [+0.100, +0.100]"],
        ["thin", "before", "0.350 ± 0.071", "base"],
        ["thin", "after", "0.400 ± 0.000", "+0.050 [0.000, +0.100]"],
    ]
    assert report.heading == (f"test: 8 of 8 runs done, 2 seeds, from {pair[0]}, {pair[1]}")


def test_the_directory_is_an_axis_like_any(pair):
    (table,) = make_report(pair[0], others=pair[1:], columns=["directory"]).tables(width=200)
    assert [column.point for column in table.columns][1:5] == [
        *("directory=before", "directory=before", "directory=after", "directory=after")
    ]


def test_directories_of_one_name_are_called_by_their_paths(make_grid):
    grids = [make_grid("a/out"), make_grid("b/out")]
    for grid in grids:
        grid.cell("", {0: 0.5})
        grid.freeze()
    paths = [grid.path for grid in grids]
    (table,) = make_report(paths[0], others=paths[1:]).tables(width=300)
    assert [row[0].text[-5:] for row in table.rows] == ["a/out", "b/out"]
    with pytest.raises(SpecError, match="cannot be compared with itself"):
        make_report(paths[0], others=paths[:1])
