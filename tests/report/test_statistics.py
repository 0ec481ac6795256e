import statistics

import numpy as np
import pytest

from seqzoo.report.statistics import paired_difference, summarize


@pytest.mark.parametrize("n", [2, 3, 10, 1000])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_mean_and_deviation_are_those_of_numpy_and_the_standard_library(n, scale):
    values = list(1e3 + scale * np.random.default_rng(n).standard_normal(n))
    summary = summarize(values)
    assert summary is not None
    assert summary.n == n
    assert summary.mean == pytest.approx(np.mean(values), rel=1e-14)
    assert summary.sd == pytest.approx(np.std(values, ddof=1), rel=1e-9)
    assert summary.sd == pytest.approx(statistics.stdev(values), rel=1e-9)
    assert (summary.minimum, summary.maximum) == (min(values), max(values))


def test_one_number_has_no_deviation_and_none_no_summary():
    assert summarize([]) is None
    alone = summarize([0.5])
    assert alone is not None
    assert (alone.n, alone.mean, alone.sd) == (1, 0.5, None)


def test_differences_are_paired_by_seed():
    values, base = {0: 0.9, 1: 0.7, 5: 0.1}, {1: 0.5, 0: 0.8, 2: 0.3}
    difference = paired_difference(values, base)
    assert difference is not None
    assert difference.n == 2
    assert difference.mean == pytest.approx(np.mean([0.1, 0.2]))
    assert difference.sd == pytest.approx(np.std([0.1, 0.2], ddof=1))
    assert paired_difference({0: 1.0}, {1: 1.0}) is None
