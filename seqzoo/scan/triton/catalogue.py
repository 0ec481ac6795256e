"""Every case: what the kernels are compiled for, checked on and timed on."""

from __future__ import annotations

import torch

from seqzoo.scan.triton.case import Case
from seqzoo.scan.triton.elementwise_case import ELEMENTWISE_CASES
from seqzoo.scan.triton.launch import Launch, record_launches
from seqzoo.scan.triton.scan_case import SCAN_CASES
from seqzoo.scan.triton.step_case import STEP_CASES

CASES: tuple[Case, ...] = (*SCAN_CASES, *STEP_CASES, *ELEMENTWISE_CASES)


def recorded(target: str, cases: tuple[Case, ...] = CASES) -> tuple[Launch, ...]:
    """What the cases' forward and backward passes have compiled for an architecture."""
    with record_launches(target) as launches:
        for case in cases:
            case.run(case.tensors(torch.device("meta")))
    return tuple(launches)
