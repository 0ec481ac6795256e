from __future__ import annotations

import sys

import pytest

from seqzoo.report import make_report
from seqzoo.report.figures import draw_figures


@pytest.fixture
def tasks(grid):
    """Three variants on four tasks; `best` is first on all, `_low` last."""
    for place, task in enumerate("abcd"):
        for shift, variant in enumerate(("best", "middle", "_low")):
            value = 0.9 - 0.1 * shift - 0.01 * place
            grid.cell(variant, {0: value, 1: value - 0.001}, {"task.type": task})
    grid.freeze(base="best")
    return make_report(grid.path)


def test_ranks_of_variants_over_tasks(tasks):
    pytest.importorskip("scikit_posthocs")
    (drawing,) = [each for each in draw_figures(tasks) if each.name == "ranks"]
    texts = [text.get_text() for text in drawing.figure.axes[0].texts]
    assert sorted(text.replace("\u200a", "").strip() for text in texts) == [
        *("(3) _low", "best (1)", "middle (2)")
    ]
    assert drawing.caption.startswith("Mean rank by accuracy over 4 points, 1 is best")


def test_without_the_library_or_with_few_points_there_is_none(tasks, make_grid, monkeypatch):
    few = make_grid("few")
    for variant in ("a", "b", "c"):
        few.cell(variant, {0: 0.5, 1: 0.6})
    few.freeze(base="a")
    assert not [each for each in draw_figures(make_report(few.path)) if each.name == "ranks"]
    monkeypatch.setitem(sys.modules, "scikit_posthocs", None)
    assert not [each for each in draw_figures(tasks) if each.name == "ranks"]
