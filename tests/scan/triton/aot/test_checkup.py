"""The self-check's rows, and which kernels it distrusts."""

from __future__ import annotations

import torch

from seqzoo.scan.triton.aot.checkup import Checked, check_up, failed_kernels
from seqzoo.scan.triton.aot.elementwise_case import ElementwiseCase

RIGHT = {"outputs": (1e-6, 1e-4)}
WRONG = {"outputs": (1e-6, 1e-4), "dinputs": (float("inf"), 1e-4)}


class Raises(ElementwiseCase):
    def run(self, tensors, cotangents=None):
        super().run(tensors, cotangents)
        raise RuntimeError("no code for this architecture\nmore")


def test_rows(device):
    cases = [kind(torch.float32, channels=2, time=5) for kind in (Raises, ElementwiseCase)]
    raised, right = check_up(cases, device)
    assert raised.failure is not None
    assert raised.failure.endswith("float32: RuntimeError: no code for this architecture")
    assert right.failure is None
    assert set(right.errors) == {"outputs", "state", "dlog_decay", "dinputs", "dstate"}
    assert right.kernels == raised.kernels
    assert right.kernels[0] == "elementwise_ends_kernel"


def test_the_largest_excess_is_told():
    row = Checked("a case", "float32", ("a", "b"), WRONG)
    assert row.failure == "a case, float32: error ratio inf of dinputs, allowed 1e-04"


def test_kernels_that_others_found_right_are_not_distrusted():
    wrong, right = Checked("x", "d", ("a", "b", "c"), WRONG), Checked("y", "d", ("a",), RIGHT)
    assert list(failed_kernels([wrong, right])) == ["b", "c"]
    assert list(failed_kernels([wrong, Checked("y", "d", ("a", "b", "c"), RIGHT)])) == list("abc")
    assert list(failed_kernels([Checked("x", "d", ("a", "b"), error="raised")])) == ["b"]
    assert failed_kernels([right]) == {}
