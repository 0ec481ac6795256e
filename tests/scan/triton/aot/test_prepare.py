"""References and compiled kernels, made in processes of their own."""

from __future__ import annotations

import pytest
import torch

from seqzoo.scan.triton.aot.elementwise_case import ElementwiseCase
from seqzoo.scan.triton.aot.kernel_case import expect
from seqzoo.scan.triton.aot.prepare import prepared

CASE = ElementwiseCase(torch.float32, channels=3, time=5)


def test_what_a_case_should_give_is_what_it_gives_here() -> None:
    here = expect(CASE)
    with prepared([CASE], "sm_90", workers=1) as expected:
        there = expected(CASE)
    for name in ("results", "gradients", "cotangents"):
        given, known = getattr(there, name), getattr(here, name)
        assert given.keys() == known.keys()
        assert all(torch.equal(given[key], known[key]) for key in known)


def test_an_unknown_target() -> None:
    with (
        pytest.raises(ValueError, match="no target 'interpreter'"),
        prepared([CASE], "interpreter", workers=1),
    ):
        pass
