from __future__ import annotations

import numpy as np
import pytest

from seqzoo.report import make_report
from seqzoo.report.figures.bands import by_band, draw_bands
from seqzoo.train.record import MetricFacts


@pytest.fixture
def tracked(grid):
    """Two variants, two seeds, accuracy in three bands, at a length, and another metric's bands."""
    for variant, falls in (("full", 0.1), ("thin", 0.2)):
        for seed in (0, 1):
            bands = {
                f"accuracy@{band}": 1 - falls * place - seed / 50
                for place, band in enumerate(("1-32", "33-64", "65-128"))
            }
            grid.record(
                grid.run(variant, seed),
                0.0,
                metrics={"accuracy@32": 0.9, **bands, "other@1-32": 0.0, "loss": 1.0},
                metric=MetricFacts(name="accuracy@32", higher_is_better=True, chance=0.1),
            )
    grid.freeze(base="full")
    return make_report(grid.path)


def test_the_metric_over_each_band_over_seeds(tracked):
    thin = [result for result in tracked.collection.results if result.variant == "thin"]
    summaries = by_band(thin, "accuracy@32")
    assert list(summaries) == [(1, 32), (33, 64), (65, 128)]
    assert [each.mean for each in summaries.values()] == pytest.approx([0.99, 0.79, 0.59])


def test_each_variant_is_a_line_over_the_bands(tracked):
    (drawing,) = draw_bands(tracked)
    (ax,) = drawing.figure.axes
    lines = {str(line.get_label()): np.asarray(line.get_ydata()) for line in ax.get_lines()}
    assert lines["thin"].tolist() == pytest.approx([0.99, 0.79, 0.59])
    assert lines["chance"].tolist() == [0.1, 0.1]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1-32", "33-64", "65-128"]


def test_without_bands_there_is_no_figure(ablation):
    assert list(draw_bands(make_report(ablation.path))) == []
