from math import log

import pytest

from seqzoo.probe.growth import growth_of

TOKENS = range(10, 200)


def test_a_power_is_told_from_a_logarithm() -> None:
    power = growth_of([(t, 3.0 * t**1.5) for t in TOKENS])
    assert power is not None
    assert (power.power, power.of_power) == pytest.approx((1.5, 1.0))
    assert power.of_log < 0.95
    logarithm = growth_of([(t, 2.0 + 3.0 * log(t)) for t in TOKENS])
    assert logarithm is not None
    assert logarithm.of_log == pytest.approx(1.0)
    assert logarithm.of_power < 1.0
    assert 0.0 < logarithm.power < 0.5
    assert str(power).startswith("t^1.50 (R2 1.00) or ln t (R2 0.")


def test_what_does_not_grow_fits_both() -> None:
    still = growth_of([(t, 7.0) for t in TOKENS])
    assert still == pytest.approx((0.0, 1.0, 1.0), abs=1e-9)


def test_zeros_are_left_out_and_three_points_are_needed() -> None:
    assert growth_of([(1, 0.0), (2, 1.0), (3, 1.0)]) is None
    some = growth_of([(1, 0.0), (2, 2.0), (3, 3.0), (4, 4.0)])
    assert some is not None
    assert some.power == pytest.approx(1.0)
