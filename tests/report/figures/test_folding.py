import warnings

import pytest

from seqzoo.report import make_report
from seqzoo.report.figures import draw_figures
from seqzoo.report.figures.folding import folded, num_lines
from seqzoo.report.figures.save import rendered

LONG = (
    "a-name-that-someone-made-from-the-whole-delta-model.mixer.injection.keys.of=shared-and-so-on-"
)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("", [""]),
        ("keys.of=shared-and-more", ["keys.of=", "shared-and-", "more"]),
        ("exactly-12-c", ["exactly-12-c"]),
        ("n" * 30, ["n" * 12, "n" * 12, "n" * 6]),
        ("two words of it", ["two words of", "it"]),
        ("_x\x1b[0m", ["\u200a_x\\x1b[0m"]),
        ("".join(f"part{n:02}-xxxxx" for n in range(9)), None),
    ],
)
def test_lines_keep_to_the_width_and_lose_nothing(text: str, lines: list[str] | None) -> None:
    found = folded(text, 12).split("\n")
    assert all(len(line) <= 13 for line in found)
    if lines is None:
        assert (len(found), found[0], found[-1]) == (6, "part00-", "xxxxx")
        assert found[3].startswith("…")
    else:
        assert found == lines
    assert num_lines(folded(text, 12)) == len(found)


@pytest.mark.parametrize("name", [LONG, "x" * 1000])
def test_names_of_any_length_leave_room_for_the_figure(grid, name: str) -> None:
    for task in ("xor", "parity", "mux"):
        for variant in ("full", f"{name}one", f"{name}two"):
            for seed in (0, 1):
                grid.run(variant, seed, {"task.type": task})
    grid.freeze(base="full")
    for number, row in enumerate(grid.rows):
        grid.record(row.run_id, 0.5 + number / 50)
        grid.curve(row.run_id, {50: 0.5, 100: 0.5 + number / 50})
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns where axes collapse
        for drawing in draw_figures(make_report(grid.path)):
            rendered(drawing, "svg", "white")
            figure = drawing.figure
            for ax in figure.axes:
                box = ax.get_window_extent()
                assert box.width / figure.dpi > 1.0, f"{drawing.name}: over an inch for the data"
            drawn = figure.get_tightbbox()  # inches
            assert drawn.x0 >= -0.05, f"{drawing.name}: nothing is cut off on the left"
            assert drawn.x1 <= figure.get_figwidth() + 0.05, f"{drawing.name}: nor on the right"
