"""Found by bisection, compared with looking at every number."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqzoo.grid.match.nearest import nearest_float, nearest_integer


@settings(max_examples=60, deadline=None)
@given(target=st.integers(20, 200_000), start=st.integers(8, 64), step=st.sampled_from([1, 4, 16]))
def test_the_nearest_of_all_integers_that_fit(target: int, start: int, step: int) -> None:
    start *= step

    def count(number: float) -> float | None:
        return None if number % step else 3 * number**2 + 7 * number

    fitting = range(step, 700, step)
    best = min(abs((count(number) or 0) - target) for number in fitting)
    found = nearest_integer(count, target, start, within=0.02)
    assert found is not None
    assert abs((count(found) or 0) - target) == best


def test_a_count_may_fall_and_few_numbers_may_fit() -> None:
    def count(heads: float) -> float | None:
        return 64 * 64 / heads if 64 % heads == 0 else None

    assert nearest_integer(count, 512, 1, within=0.02) == 8
    assert nearest_integer(count, 500, 4, within=0.02) == 8
    assert nearest_integer(lambda number: None, 500, 4, within=0.02) is None


@pytest.mark.parametrize("width", [16, 48])
@pytest.mark.parametrize("target", [100, 1_000, 5_000])
def test_the_nearest_ratio_has_few_digits(width: int, target: int) -> None:
    def count(ratio: float) -> float:
        return max(1, round(ratio * width)) * 2 * width

    found = nearest_float(count, target, 4.0)
    assert found is not None
    sizes = range(round(width / 16), 64 * 4 * width)
    best = min(abs(hidden * 2 * width - target) for hidden in sizes)
    assert abs(count(found) - target) == best
    assert len(f"{found:g}") <= 6


def test_a_float_that_fits_nowhere_but_at_the_start_stays() -> None:
    assert nearest_float(lambda x: 5.0 if x == 4.0 else None, 9, 4.0) == 4.0
    assert nearest_float(lambda x: None, 9, 4.0) is None
    assert nearest_float(lambda x: 100 / x, 5, 4.0) == 20
