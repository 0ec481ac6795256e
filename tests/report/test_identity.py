"""Cells are told apart by their resolved values; labels are only shown, and are distinct then."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from rich.console import Console

from seqzoo.report import make_report, print_report
from seqzoo.report.figures import draw_figures
from seqzoo.report.html import to_html


def mqar(pairs: int) -> dict[str, object]:
    """Tasks whose labels are alike in their first 40 characters."""
    return {"type": "mqar", "length": 64, "vocab_size": 1024, "num_pairs": pairs}


def bar_widths(ax: Axes) -> list[float]:
    return [bar.get_width() for bar in ax.patches if isinstance(bar, Rectangle)]


@pytest.fixture
def tasks(grid):
    """Two variants on three tasks; each cell's value says which it is."""
    for place, pairs in enumerate((4, 8, 16)):
        for shift, variant in ((0.0, "full"), (0.5, "thin")):
            grid.cell(variant, {0: (place + 1) / 10 + shift}, {"task": mqar(pairs)})
    grid.freeze(base="full")
    return grid


@pytest.mark.parametrize("width", [60, 80, 200])
def test_six_cells_are_six_numbers_at_any_width(tasks, width):
    page = io.StringIO()
    print_report(make_report(tasks.path), Console(file=page, width=width))
    assert sorted(re.findall(r"(?<![-+\d.])0\.\d00\b", page.getvalue())) == [
        *("0.100", "0.200", "0.300", "0.600", "0.700", "0.800")
    ]
    for pairs in (4, 8, 16):
        assert f"mqar num_pairs={pairs}" in page.getvalue()


def test_figures_draw_each_cell_once_and_average_none(tasks):
    tasks.curve("run0", {10: 2.059, 20: 2.059})
    tasks.curve("run2", {10: 3.206, 20: 3.206})
    tasks.curve("run4", {10: 1.5, 20: 1.5})
    figures = {drawing.name: drawing.figure for drawing in draw_figures(make_report(tasks.path))}
    assert [ax.get_title(loc="left") for ax in figures["bars"].axes] == [
        *("mqar num_pairs=4", "mqar num_pairs=8", "mqar num_pairs=16")
    ]
    drawn = [np.asarray(ax.get_lines()[0].get_ydata()).tolist() for ax in figures["curves"].axes]
    assert drawn == [[2.059, 2.059], [3.206, 3.206], [1.5, 1.5]]


def test_values_that_round_alike_stay_apart(grid):
    for value in (0.001, 0.0010000001):
        grid.cell("", {0: 0.5 if value == 0.001 else 0.7}, {"train.lr": value})
    grid.freeze()
    (table,) = make_report(grid.path).tables(80)
    assert [[entry.text for entry in row[:2]] for row in table.rows] == [
        ["0.001", "0.500"],
        ["0.0010000001", "0.700"],
    ]


def test_the_page_lists_and_filters_every_value(tasks):
    page = to_html(make_report(tasks.path))
    for pairs in (4, 8, 16):
        assert f">mqar num_pairs={pairs}</option>" in page


def test_directories_with_long_names_are_not_merged(make_grid):
    stem = "a-directory-with-a-name-that-is-longer-than-forty-characters"
    grids = [make_grid(f"{stem}-{end}") for end in ("one", "two")]
    for place, grid in enumerate(grids):
        grid.cell("full", {0: 0.1 + place / 10})
        grid.freeze()
        grid.curve("run0", {10: 2.059 + place, 20: 2.059 + place})
    report = make_report(grids[0].path, others=[grids[1].path])
    (table,) = report.tables(200)
    assert [row[2].text for row in table.rows] == ["0.100", "0.200"]
    names = [row[1].text for row in table.rows]
    assert len(set(names)) == 2
    (bars,) = [drawing.figure for drawing in draw_figures(report) if drawing.name == "bars"]
    assert bar_widths(bars.axes[0]) == [0.1, 0.2]
    (curves,) = [drawing.figure for drawing in draw_figures(report) if drawing.name == "curves"]
    drawn = [np.asarray(line.get_ydata()).tolist() for line in curves.axes[0].get_lines()[:2]]
    assert drawn == [[2.059, 2.059], [3.059, 3.059]]


@pytest.fixture
def depths(grid):
    """Attention in a grid over depth, which it does not have."""
    for depth in (1, 2):
        grid.cell("full", {0: 0.5 + depth / 10}, {"model.depth": depth})
        grid.cell("thin", {0: 0.4}, {"model.depth": depth})
    grid.cell("attention", {0: 0.9})
    grid.freeze(base="full")
    return grid


def test_a_reference_is_in_every_column_and_compared_there(depths):
    (table,) = make_report(depths.path).tables(200)
    assert [[entry.text for entry in row[:5]] for row in table.rows] == [
        ["full", "0.600", "base", "0.700", "base"],
        ["thin", "0.400", "-0.200", "0.400", "-0.300"],
        ["attention", "0.900", "+0.300", "0.900", "+0.200"],
    ]
    assert [row[1].best for row in table.rows] == [False, False, True]


def test_as_a_row_it_says_what_it_is_compared_at(depths):
    (table,) = make_report(depths.path, rows=["variant", "depth"]).tables(200)
    assert [[entry.text for entry in row[:4]] for row in table.rows][-2:] == [
        ["attention", "none (vs 1)", "0.900", "+0.300"],
        ["attention", "none (vs 2)", "0.900", "+0.200"],
    ]


def test_a_base_without_the_axis_has_one_row(grid):
    grid.cell("attention", {0: 0.9})
    for depth in (1, 2):
        grid.cell("full", {0: 0.5}, {"model.depth": depth})
    grid.freeze(base="attention")
    (table,) = make_report(grid.path, rows=["variant", "depth"]).tables(200)
    assert [[entry.text for entry in row[:4]] for row in table.rows] == [
        ["attention", "", "0.900", "base"],
        ["full", "1", "0.500", "-0.400"],
        ["full", "2", "0.500", "-0.400"],
    ]


def test_in_figures_it_stands_in_every_panel_and_is_a_level_line(depths):
    figures = {drawing.name: drawing for drawing in draw_figures(make_report(depths.path))}
    for ax in figures["bars"].figure.axes:
        assert bar_widths(ax)[-1] == 0.9
    (ax,) = figures["along-model.depth"].figure.axes
    level = [line for line in ax.get_lines() if line.get_label() == "attention"]
    assert np.asarray(level[0].get_ydata()).tolist() == [0.9, 0.9]
    assert "drawn level, as a reference" in figures["along-model.depth"].caption
    marks = [
        line
        for line in figures["pareto"].figure.axes[0].get_lines()
        if line.get_label() == "attention"
    ]
    assert np.asarray(marks[0].get_ydata()).tolist() == [0.9], "one mark a cell"


def test_panels_share_a_scale(depths):
    figures = {drawing.name: drawing.figure for drawing in draw_figures(make_report(depths.path))}
    assert len({ax.get_xlim() for ax in figures["bars"].axes}) == 1
    assert len({ax.get_ylim() for ax in figures["pareto"].axes}) == 1
