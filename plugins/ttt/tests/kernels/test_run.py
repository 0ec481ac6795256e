"""The kernels against the token loop in float64: results and every gradient."""

from __future__ import annotations

import pytest
import torch

from seqzoo.scan.triton.aot.kernel_case import verify
from seqzoo_ttt.kernels.case import DualCase
from seqzoo_ttt.kernels.problem import Given
from seqzoo_ttt.kernels.run import SPAN, run_forward

BOUNDS = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 3e-3}


@pytest.mark.parametrize(
    "case",
    [
        DualCase(torch.float32, size=16, time=16, heads=1, batch=1),
        DualCase(torch.float32, size=6, time=11, mini_batch=2, heads=1),  # three spans
        DualCase(torch.float32, size=20, time=11, mini_batch=3, heads=1, packed=True),
        DualCase(torch.bfloat16, size=16, time=40, batch=1),
        DualCase(torch.float16, size=16, time=40, heads=1, batch=1),
    ],
    ids=str,
)
def test_values_and_gradients(device: torch.device, case: DualCase) -> None:
    for name, (ratio, _) in verify(case, device).items():
        assert ratio < BOUNDS[case.dtype], (name, ratio)


def test_a_nan_reaches_no_earlier_token(device: torch.device) -> None:
    """Nor another sequence; within a mini-batch too."""
    case = DualCase(torch.float32, size=6, time=7, mini_batch=4, heads=1)
    tensors = case.tensors(device)
    clean, _ = run_forward(Given(**tensors), None)
    for name in ("keys", "values", "rates"):
        broken = {n: x.clone() for n, x in tensors.items()}
        broken[name][0, 5] = torch.nan
        found, _ = run_forward(Given(**broken), None)
        assert torch.equal(found.reads[0, :5], clean.reads[0, :5])
        assert bool(found.reads[0, 5:].isnan().all())
        assert torch.equal(found.reads[1], clean.reads[1])
        assert bool(found.weight_sum[0].isnan().any())


def test_the_same_bits_each_time(device: torch.device) -> None:
    case = DualCase(torch.float32, size=6, time=5, mini_batch=4, heads=1)
    runs = [case.run(case.tensors(device)) for _ in range(2)]
    for first, second in zip(*runs, strict=True):
        assert all(torch.equal(x, second[name]) for name, x in first.items())


def test_as_many_states_are_kept_as_there_are_spans(device: torch.device) -> None:
    case = DualCase(torch.float32, size=6, time=2 * SPAN + 1, mini_batch=1, batch=2, heads=1)
    given = Given(**case.tensors(device))
    _, kept = run_forward(given, None)
    assert kept.states.shape == (6, 1, 6, 6)
    assert torch.equal(kept.states[0], given.weight[0])
    assert torch.equal(kept.states[3], given.weight[1])
