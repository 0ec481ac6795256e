"""What takes the most time by the model is searched first."""

from __future__ import annotations

import torch

from seqzoo.scan.triton.aot.elementwise_case import ElementwiseCase
from seqzoo.scan.triton.aot.scan_case import ScanCase
from seqzoo.scan.triton.aot.step_case import StepCase
from seqzoo.scan.triton.configs import HeadSize
from seqzoo.scan.triton.tuning.order import by_predicted_time
from seqzoo.scan.triton.tuning.tuning_problem import TuningProblem

STEP = StepCase(ScanCase(torch.bfloat16))
PROBLEMS = [
    TuningProblem("step_kernel", HeadSize(64, 16), (STEP,)),
    TuningProblem("elementwise_carry_kernel", HeadSize(64, 32), (ElementwiseCase(torch.float32),)),
]


def test_the_slowest_comes_first() -> None:
    """Few programs go along all chunks in order, where a step's many do a state each."""
    assert by_predicted_time(PROBLEMS, "sm_90", workers=1) == PROBLEMS[::-1]


def test_where_the_model_knows_nothing_the_order_stays() -> None:
    assert by_predicted_time(PROBLEMS, "gfx942") == PROBLEMS
