import math

import pytest

from seqzoo.train.schedule import WSD, Constant, Cosine


def test_constant_rises_and_stays() -> None:
    schedule = Constant.Spec(warmup=4).build(10)
    assert [schedule.factor(step) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert Constant.Spec().build(10).factor(0) == 1.0


def test_cosine_rises_then_falls_to_the_final_ratio_at_the_last_step() -> None:
    schedule = Cosine.Spec(warmup=2, final_ratio=0.2).build(13)
    assert [schedule.factor(step) for step in range(3)] == [0.5, 1.0, 1.0]
    assert schedule.factor(7) == pytest.approx(0.6)
    assert schedule.factor(12) == pytest.approx(0.2)
    quarter = 0.2 + 0.8 * (1 + math.cos(math.pi * 0.3)) / 2
    assert schedule.factor(5) == pytest.approx(quarter)


def test_a_run_may_end_within_its_warm_up() -> None:
    for spec in (Constant.Spec(warmup=100), Cosine.Spec(warmup=100)):
        assert spec.build(10).factor(9) == pytest.approx(0.1)
    assert Cosine.Spec(warmup=9).build(10).factor(9) == 1.0


def test_wsd_rises_stays_and_falls_over_its_last_steps() -> None:
    schedule = WSD.Spec(warmup=2, decay=0.4).build(10)
    assert [schedule.factor(step) for step in range(10)] == pytest.approx(
        [0.5, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0]
    )
    steep = WSD.Spec(decay=0.4, shape="sqrt", final_ratio=0.2).build(10)
    assert steep.factor(5) == 1.0
    assert steep.factor(6) == pytest.approx(0.2 + 0.8 * (1 - 0.25**0.5))
    assert steep.factor(9) == pytest.approx(0.2)
