from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from seqzoo.report.statistics.resampling import improvement, interquartile_mean


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize("sizes", [(1,), (2, 1), (3,), (4,), (5, 5, 5), (7, 3, 10)])
def test_the_interquartile_mean_is_scipys_trimmed_mean_of_all_scores(rng, sizes):
    scores = [rng.standard_normal(size).tolist() for size in sizes]
    expected = stats.trim_mean(np.concatenate(scores), 0.25)
    assert interquartile_mean(scores).value == pytest.approx(expected)


def test_an_outlier_does_not_move_it():
    assert interquartile_mean([[0.0, 0.5, 0.6, 1e9]]).value == pytest.approx(0.55)


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_improvement_is_the_mean_over_tasks_of_mann_whitneys_statistic(rng, higher_is_better):
    ours = [rng.integers(0, 4, size).tolist() for size in (3, 5, 2)]
    theirs = [rng.integers(0, 4, size).tolist() for size in (4, 5, 3)]
    shares = [
        stats.mannwhitneyu(one, other).statistic / (len(one) * len(other))
        for one, other in zip(ours, theirs, strict=True)
    ]
    expected = np.mean(shares) if higher_is_better else 1 - np.mean(shares)
    found = improvement(ours, theirs, higher_is_better=higher_is_better)
    assert found.value == pytest.approx(expected)


def test_resamples_draw_each_task_by_itself(rng):
    """Against a plain loop: tasks far apart would widen the interval if they were mixed."""
    scores = [list(task + rng.standard_normal(5) / 10) for task in (0.0, 10.0, 20.0)]
    means = []
    for _ in range(4000):
        drawn = [value for task in scores for value in rng.choice(task, len(task))]
        means.append(stats.trim_mean(drawn, 0.25))
    expected = np.quantile(means, (0.025, 0.975))
    interval = interquartile_mean(scores).interval
    assert interval == pytest.approx(tuple(expected), abs=0.15 * float(np.std(means)) * 4)
    assert interval is not None
    assert interval[1] - interval[0] < 1


def test_one_seed_a_task_has_no_interval_and_the_same_scores_the_same_one():
    assert interquartile_mean([[0.5], [0.7]]).interval is None
    assert improvement([[0.5]], [[0.7]], higher_is_better=True).interval is None
    scores = [[0.1, 0.4, 0.3], [0.9, 0.2]]
    assert interquartile_mean(scores) == interquartile_mean(scores)


def test_a_clear_winner_is_certain():
    found = improvement([[0.9, 0.95]], [[0.1, 0.2]], higher_is_better=True)
    assert (found.value, found.interval) == (1.0, (1.0, 1.0))
