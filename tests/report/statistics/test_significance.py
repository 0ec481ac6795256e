from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from seqzoo.report.statistics.significance import (
    MOST_SEEDS,
    holm,
    least_p,
    seeds_needed,
    sign_flip_p,
)


@pytest.mark.parametrize("n", [2, 3, 5, 8, 12])
def test_the_exact_test_is_scipys_paired_permutation_test(n):
    values = np.random.default_rng(n).normal(0.3, 1.0, n)
    expected = stats.permutation_test(
        (values, np.zeros(n)), lambda a, b: np.mean(a - b), permutation_type="samples"
    )
    assert sign_flip_p(values.tolist()) == pytest.approx(expected.pvalue)


def test_of_many_pairs_signs_are_drawn():
    values = np.random.default_rng(0).normal(0.25, 1.0, 40)
    _, expected = stats.ttest_1samp(values, 0)  # which a sample of this size comes close to
    assert sign_flip_p(values.tolist()) == pytest.approx(expected, abs=0.02)
    assert sign_flip_p([1.0] * 40) == least_p(40) == 1e-4


def test_few_pairs_cannot_be_significant():
    assert sign_flip_p([0.1, 0.2, 0.3]) == least_p(3) == 0.25
    assert sign_flip_p([0.5]) == least_p(1) == 1.0
    assert sign_flip_p([0.0, 0.0]) == 1.0


def test_holm_is_that_of_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    for seed in range(20):
        values = np.random.default_rng(seed).random(seed + 1) ** 2
        expected = multitest.multipletests(values, method="holm")[1]
        assert holm(values.tolist()) == pytest.approx(expected.tolist())
    assert holm([]) == []


@pytest.mark.parametrize("effect", [0.3, 0.5, 0.8, 1.2])
def test_seeds_needed_are_those_of_a_paired_t_test(effect):
    power = pytest.importorskip("statsmodels.stats.power")
    expected = power.TTestPower().solve_power(effect, alpha=0.05, power=0.8)
    spread = np.array([-1.0, 1.0]) / np.sqrt(2)  # sample standard deviation 1
    assert seeds_needed([list(spread + effect)]) == pytest.approx(expected, abs=1.1)


def test_seeds_needed_where_there_is_little_to_see():
    assert seeds_needed([[0.1]]) is None, "no spread is known"
    assert seeds_needed([[-1.0, 1.0]]) is None, "no difference"
    assert seeds_needed([[-1.0, 1.001]]) == MOST_SEEDS
    assert seeds_needed([[0.5, 0.5]]) == 2


def test_more_tasks_need_fewer_seeds_each():
    one = seeds_needed([[0.0, 1.0]])
    four = seeds_needed([[0.0, 1.0]] * 4)
    assert one is not None
    assert four is not None
    assert four == pytest.approx(one / 4, abs=1)
