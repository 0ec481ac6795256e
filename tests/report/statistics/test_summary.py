import statistics

import numpy as np
import pytest
from scipy import stats

from seqzoo.report.statistics.summary import RESAMPLES, paired_difference, summarize


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


@pytest.mark.parametrize("n", [3, 5, 10, 40])
def test_intervals_of_differences_agree_with_scipy_within_monte_carlo_error(n):
    rng = np.random.default_rng(n)
    base = rng.normal(0.8, 0.1, n)
    values = base + rng.gamma(2.0, 0.02, n)
    difference = paired_difference(dict(enumerate(values)), dict(enumerate(base)))
    assert difference is not None
    assert difference.interval is not None
    theirs = stats.bootstrap(
        (values, base),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        paired=True,
        method="percentile",
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(7),
    )
    # a quantile of R draws errs by sqrt(q(1-q)/R)/density: below 4 % of the spread at 2.5 %, and
    # two such errors may add up
    spread = float(np.std(theirs.bootstrap_distribution))
    expected = tuple(theirs.confidence_interval)
    assert difference.interval == pytest.approx(expected, abs=0.2 * spread, rel=0)
    assert difference.sd is not None
    ours = difference.mean / (difference.sd / n**0.5)
    assert ours == pytest.approx(stats.ttest_rel(values, base).statistic)


def test_an_interval_is_the_same_each_time_and_moves_with_the_numbers():
    values = [0.1, 0.5, 0.7, 0.9]
    one, again, moved = (
        summarize(numbers) for numbers in (values, values, [v + 1 for v in values])
    )
    assert one is not None
    assert again is not None
    assert moved is not None
    assert one.interval == again.interval
    assert moved.interval == pytest.approx([end + 1 for end in one.interval or ()])


def test_the_interval_of_few_numbers():
    alone, two, equal = summarize([0.5]), summarize([0.5, 0.7]), summarize([0.5] * 4)
    assert alone is not None
    assert two is not None
    assert equal is not None
    assert alone.interval is None
    assert two.interval == pytest.approx((0.5, 0.7))
    assert equal.interval == pytest.approx((0.5, 0.5))
