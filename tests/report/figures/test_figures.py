import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from seqzoo.report import make_report
from seqzoo.report.collect.evaluations import Curve
from seqzoo.report.figures import draw_figures, inline_svg, save_figures
from seqzoo.report.figures.along import (
    MOST_WHISKERS,
    SHIFT,
    draw_along_axes,
    draw_line,
    shifts,
    spread_out,
)
from seqzoo.report.figures.curves import mean_and_band
from seqzoo.report.figures.panels import Panel, make_axes, some_of
from seqzoo.report.figures.pareto import front
from seqzoo.report.figures.style import COLORS, INK, figure_style, look_at
from seqzoo.report.statistics.summary import summarize


@pytest.fixture
def drawn(sweep):
    return {drawing.name: drawing.figure for drawing in draw_figures(sweep)}


def titles(figure):
    return [ax.get_title(loc="left") for ax in figure.axes]


def widths(ax):
    return pytest.approx([bar.get_width() for bar in ax.patches if isinstance(bar, Rectangle)])


def lines(ax, label):
    (line,) = [line for line in ax.get_lines() if line.get_label() == label]
    return line


def test_every_figure_for_which_there_are_numbers(drawn):
    assert list(drawn) == ["bars", "curves", "along-model.depth", "pareto"]


def test_bars_are_the_means_with_the_base_on_top(drawn):
    figure = drawn["bars"]
    assert titles(figure)[:2] == ["xor depth=1", "xor depth=2"]
    ax = figure.axes[0]
    assert widths(ax) == [0.62, 0.52]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["full", "thin"]
    low, high = ax.get_lines()[0].get_xdata()
    assert (low, high) == pytest.approx((0.61, 0.63))
    assert [text.get_text() for text in ax.texts] == ["0.620", "0.520"]
    assert ax.get_xlabel() == "accuracy (higher is better)"
    first, second = ax.patches
    assert first.get_hatch() != second.get_hatch()


def test_without_variants_the_points_are_the_bars(grid):
    for width in (16, 32):
        grid.cell("", {0: width / 100}, {"model.width": width})
    grid.freeze()
    (bars,) = [d.figure for d in draw_figures(make_report(grid.path)) if d.name == "bars"]
    (ax,) = bars.axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["width=16", "width=32"]
    assert widths(ax) == [0.16, 0.32]


def test_where_there_is_no_bar_a_word_says_why(ablation):
    (bars,) = [d.figure for d in draw_figures(make_report(ablation.path)) if d.name == "bars"]
    xor, parity = bars.axes
    assert [text.get_text() for text in xor.texts] == ["50", "≥ 90", "≥ 100"]
    assert xor.get_xlabel() == "steps to accuracy 0.9 (lower is better)"
    assert [text.get_text() for text in parity.texts] == ["0.700", "0.800", "missing"]


def test_only_the_panels_at_the_left_name_the_bars(grid):
    for depth in (1, 2, 3, 4):
        for variant in ("full", "thin"):
            grid.cell(variant, {0: 0.5}, {"model.depth": depth})
    grid.freeze(base="full")
    (bars,) = [d.figure for d in draw_figures(make_report(grid.path)) if d.name == "bars"]
    named = [[tick.get_text() for tick in ax.get_yticklabels()] for ax in bars.axes]
    assert named == [["full", "thin"], ["", ""], ["full", "thin"], ["", ""]]


def test_curves_have_a_mean_and_a_band(drawn):
    ax = drawn["curves"].axes[0]
    line = lines(ax, "full")
    assert list(line.get_xdata()) == [10, 20, 30, 40]
    assert list(line.get_ydata()) == pytest.approx([0.1, 0.2, 0.3, 0.35])
    band = ax.collections[0].get_paths()[0].get_extents()
    assert (band.y0, band.y1) == pytest.approx((0.1, 0.4))


def test_a_curve_is_straight_between_its_steps_and_stays_after_them():
    short = Curve(np.array([10, 20]), np.array([0.0, 1.0]))
    long = Curve(np.array([10, 15, 40]), np.array([0.0, 0.0, 0.5]))
    steps, mean, low, high = mean_and_band([short, long])
    assert list(steps) == [10, 15, 20, 40]
    assert list(low) == pytest.approx([0, 0, 0.1, 0.5])
    assert list(high) == pytest.approx([0, 0.5, 1, 1])
    assert list(mean) == pytest.approx([0, 0.25, 0.55, 0.75])


def test_along_an_axis_of_numbers(drawn):
    figure = drawn["along-model.depth"]
    assert titles(figure) == ["xor", "parity"]
    ax = figure.axes[0]
    assert list(lines(ax, "full").get_xdata()) == [1, 2, 16]
    assert list(lines(ax, "thin").get_ydata()) == pytest.approx([0.52, 0.53, 0.67])
    assert ax.get_xlabel() == "depth"
    assert ax.get_xscale() == "log", "16 is more than 8 times 1"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "2", "16"]


@pytest.mark.parametrize(("count", "bands"), [(MOST_WHISKERS, 0), (MOST_WHISKERS + 1, 1)])
def test_intervals_of_few_points_are_whiskers_and_of_many_a_band(count, bands):
    points = [(float(place), summarize([0.1 * place, 0.1 * place + 1])) for place in range(count)]
    with figure_style():
        _, (ax,) = make_axes(1, 3, 2)
        draw_line(ax, "full", [(x, each) for x, each in points if each is not None], look_at(1))
    assert np.asarray(lines(ax, "full").get_ydata())[:2] == pytest.approx([0.5, 0.6])
    assert len(ax.collections) == bands
    if bands:
        band = ax.collections[0].get_paths()[0].get_extents()
        assert (band.y0, band.y1) == pytest.approx((0, 0.1 * (count - 1) + 1))
    else:
        whiskers = np.asarray(ax.get_lines()[0].get_ydata())
        assert whiskers[3:5] == pytest.approx([0.1, 1.1]), "the second point's ends"


def test_series_stand_beside_each_other_so_that_no_whisker_hides_another(drawn):
    ax = drawn["along-model.depth"].axes[0]
    drawn["along-model.depth"].draw_without_rendering()
    marks = [lines(ax, name) for name in ("full", "thin")]
    full, thin = (line.get_transform().transform((2.0, 0.5))[0] for line in marks)
    assert thin - full == pytest.approx(SHIFT / 72 * drawn["along-model.depth"].dpi)
    assert ax.get_xlim()[0] < 1
    assert ax.get_xlim()[1] > 16
    low, high = ax.get_ylim()
    assert all(low < value < high for line in marks for value in np.asarray(line.get_ydata()))
    assert shifts(1) == [0.0]
    assert sum(shifts(5)) == 0.0


def test_titles_leave_out_what_all_panels_have_in_common(grid):
    for variant in ("full", "thin"):
        for depth in (1, 2):
            grid.cell(variant, {0: 0.5}, {"model.depth": depth, "train.clip": 1.0})
    grid.freeze(base="full")
    (bars,) = [d.figure for d in draw_figures(make_report(grid.path)) if d.name == "bars"]
    assert titles(bars) == ["depth=1", "depth=2"]


def test_ticks_are_never_rounded():
    with figure_style():
        _, (ax,) = make_axes(1, 3, 2)
        ax.set_xlim(7500, 9250)
        spread_out(ax, [7500.0, 9250.0])
        form = ax.xaxis.get_major_formatter()
        assert [form(value) for value in (500, 7750, 2e6)] == ["500", "7.75k", "2M"]
        assert ax.get_xscale() == "linear"


def test_the_metric_against_each_cost(drawn):
    figure = drawn["pareto"]
    assert [ax.get_xlabel() for ax in figure.axes][:3] == [
        "parameters (fewer is better)",
        "state (elements a sequence) (fewer is better)",
        "training tokens/s (more is better)",
    ]
    assert list(lines(figure.axes[0], "full").get_xdata()) == [1500, 2500, 16500]


def test_a_series_line_joins_its_best_at_each_cost(grid):
    for variant, values in {"full": (0.5, 0.7), "thin": (0.6, 0.4)}.items():
        for rate, value in zip((0.1, 0.2), values, strict=True):
            for width in (1000, 2000):
                point = {"train.lr": rate, "model.width": width}
                grid.cell(variant, {0: value}, point, parameters=width)
    grid.freeze(base="full")
    (pareto,) = [d for d in draw_figures(make_report(grid.path)) if d.name == "pareto"]
    assert "dotted, each variant's best" in pareto.caption
    ax = pareto.figure.axes[0]
    assert np.asarray(lines(ax, "full").get_ydata()).tolist() == [0.5, 0.7, 0.5, 0.7]
    joined = [
        np.asarray(line.get_ydata()).tolist()
        for line in ax.get_lines()
        if line.get_marker() == "None"
    ]
    assert joined[:2] == [[0.7, 0.7], [0.6, 0.6]]


def test_a_caption_tells_of_no_dotted_line_where_there_is_none(grid):
    for place, variant in enumerate(("full", "thin")):
        grid.cell(variant, {0: 0.5}, parameters=1000 + place)
    grid.freeze(base="full")
    (pareto,) = [d for d in draw_figures(make_report(grid.path)) if d.name == "pareto"]
    assert "dotted" not in pareto.caption


def test_the_front_is_what_nothing_beats_in_both():
    points = [(1, 0.5), (2, 0.4), (3, 0.9), (3, 0.8), (4, 0.9), (5, 1.0)]
    assert front(points, more_is_better=False, higher_is_better=True) == [
        *((1, 0.5), (3, 0.9), (5, 1.0))
    ]
    assert front(points, more_is_better=True, higher_is_better=True) == [(5, 1.0)]
    assert front(points, more_is_better=False, higher_is_better=False) == [(1, 0.5), (2, 0.4)]
    assert front(points, more_is_better=True, higher_is_better=False) == [
        *((2, 0.4), (3, 0.8), (4, 0.9), (5, 1.0))
    ]


def test_of_many_panels_a_few_are_drawn_and_the_caption_says_so():
    panels = [Panel(str(place), ()) for place in range(13)]
    assert some_of(panels[:12]) == (panels[:12], "")
    shown, caption = some_of(panels)
    assert shown == panels[:6]
    assert caption == " The first 6 of 13; the tables have them all."


@pytest.mark.parametrize("count", [2, 20])
def test_a_legend_takes_no_room_from_the_panels(grid, count):
    for number in range(count):
        grid.cell(f"variant-{number}-with-a-name-of-some-length", {0: 0.5, 1: 0.5})
    grid.freeze(base="variant-0-with-a-name-of-some-length")
    for row in grid.rows:
        grid.curve(row.run_id, {50: 0.3, 100: 0.5})
    (drawing,) = [d for d in draw_figures(make_report(grid.path)) if d.name == "curves"]
    with figure_style():
        drawing.figure.draw_without_rendering()
        (ax,) = drawing.figure.axes
        height = ax.get_window_extent().height / drawing.figure.dpi
        (legend,) = drawing.figure.legends
        assert not legend.get_window_extent().overlaps(ax.get_window_extent())
    assert 1.8 < height < 2.8


def test_looks_differ_without_colour_too():
    looks = [look_at(place) for place in range(56)]
    assert len({(look.color, look.marker) for look in looks}) == 56
    assert len({(look.marker, str(look.dashes)) for look in looks[:35]}) == 35
    assert len({look.hatch for look in looks[:9]}) == 9
    assert sorted(COLORS[1:]) == sorted(  # Okabe and Ito's, black apart
        ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"]
    )
    assert to_hex(INK) == INK


def test_files_are_written_and_the_same_each_time(sweep, tmp_path):
    folder = tmp_path / "new" / "figures"
    paths = save_figures(list(draw_along_axes(sweep)), folder)
    assert [path.name for path in paths] == ["along-model.depth.svg", "along-model.depth.png"]
    svg, png = (path.read_bytes() for path in paths)
    assert png[:4] == b"\x89PNG"
    assert save_figures(list(draw_along_axes(sweep)), folder) == paths
    assert paths[0].read_bytes() == svg


def test_inline_figures_take_the_pages_colour_and_escape_names(grid):
    for variant in ("a<b>&", "$x_1$"):
        grid.cell(variant, {0: 0.5, 1: 0.6})
    grid.freeze(base="a<b>&")
    bars = draw_figures(make_report(grid.path))[0]
    text = inline_svg(bars)
    root = ElementTree.fromstring(text)
    said = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a<b>&", "$x_1$"} <= set(said)
    assert "currentColor" in text
    assert INK not in text
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert all(name.startswith("bars-") for name in ids if name)
    assert len(ids) == len(set(ids))


def test_a_run_alone_and_a_grid_without_records_have_no_figures(grid, make_grid):
    grid.cell("", {0: 0.5})
    grid.freeze()
    assert draw_figures(make_report(grid.path)) == []
    empty = make_grid("empty")
    empty.run("a")
    empty.run("b")
    empty.freeze(base="a")
    assert draw_figures(make_report(empty.path)) == []
