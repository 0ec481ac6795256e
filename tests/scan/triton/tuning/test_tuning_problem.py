from __future__ import annotations

import torch

from seqzoo.scan.triton.aot.catalogue import CASES
from seqzoo.scan.triton.aot.elementwise_case import ElementwiseCase
from seqzoo.scan.triton.aot.scan_case import ScanCase
from seqzoo.scan.triton.aot.step_case import StepCase
from seqzoo.scan.triton.configs import HeadSize
from seqzoo.scan.triton.tuning.tuning_problem import LARGE, enlarged, tuning_problems


def test_cases_that_start_a_kernel_at_one_size_are_one_problem(device):
    small = ElementwiseCase(torch.float32, channels=3, time=5)
    half = ElementwiseCase(torch.bfloat16, channels=3, time=5)
    packed = ElementwiseCase(torch.float32, channels=3, time=5, packed=True)
    other = ElementwiseCase(torch.float32, channels=7, time=5)
    found = tuning_problems([small, half, packed, other], device)
    carries = [p for p in found if p.kernel == "elementwise_carry_kernel"]
    assert [(p.size, p.cases) for p in carries] == [
        (HeadSize(3, 32), (small, packed)),
        (HeadSize(3, 16), (half,)),
        (HeadSize(7, 32), (other,)),
    ]
    assert carries[0].timed == (small,)
    assert {p.kernel for p in found} == {
        f"elementwise_{name}_kernel" for name in ("ends", "carry", "outputs", "gradients")
    }


def test_the_whole_catalogue_has_problems_and_larger_cases(device):
    problems = tuning_problems(CASES, device)
    assert {"carry_kernel", "step_kernel", "channel_gradients_kernel"} <= {
        problem.kernel for problem in problems
    }
    scan = ScanCase(torch.float32, rank=2)
    meta = torch.device("meta")
    for case in (scan, StepCase(scan), ElementwiseCase(torch.float32)):
        assert type(enlarged(case)) is type(case)
        inputs = enlarged(case).tensors(meta).values()
        assert LARGE <= sum(x.numel() * x.element_size() for x in inputs) < 1.1 * LARGE
