"""Checks of schedules: the factor depends on the step alone."""

from __future__ import annotations

import math

from seqzoo.testing.part import PartCase

__all__ = ["SCHEDULE_CHECKS"]


def factors_are_numbers(case: PartCase) -> None:
    """The factor is finite and at least 0 at every step, and not always 0 in a run of several
    steps."""
    for steps in (1, 2, 50):
        schedule = case.build(steps)
        factors = [schedule.factor(step) for step in range(steps)]
        for step, factor in enumerate(factors):
            assert math.isfinite(factor), f"the factor at step {step} of {steps} is {factor}"
            assert factor >= 0, f"the factor at step {step} of {steps} is {factor}, below 0"
        assert any(factors) or steps == 1, f"the factor is 0 at all of {steps} steps"


def the_step_alone_decides(case: PartCase) -> None:
    """Whatever the order of the calls, and from a new instance too, a step has the same factor."""
    steps = 50
    first, second = case.build(steps), case.build(steps)
    wanted = [first.factor(step) for step in range(steps)]
    found = [second.factor(step) for step in reversed(range(steps))][::-1]
    assert found == wanted, "the factor depends on which steps were asked for before"


SCHEDULE_CHECKS = (factors_are_numbers, the_step_alone_decides)
