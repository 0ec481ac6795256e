"""Every case: what the kernels are compiled for, checked on and timed on."""

from __future__ import annotations

import torch

from seqzoo.scan.triton.aot.elementwise_case import ELEMENTWISE_CASES
from seqzoo.scan.triton.aot.kernel_case import Case
from seqzoo.scan.triton.aot.scan_case import SCAN_CASES
from seqzoo.scan.triton.aot.step_case import STEP_CASES
from seqzoo.scan.triton.launch import Launch, record_launches

CASES: tuple[Case, ...] = (*SCAN_CASES, *STEP_CASES, *ELEMENTWISE_CASES)


def recorded(target: str, cases: tuple[Case, ...] = CASES) -> tuple[Launch, ...]:
    """What the cases' forward and backward passes have compiled for an architecture."""
    with record_launches(target) as launches:
        for case in cases:
            case.run(case.tensors(torch.device("meta")))
    return tuple(launches)
