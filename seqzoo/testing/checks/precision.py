"""Mixers run in the precisions that people train in."""

from __future__ import annotations

import torch

from seqzoo.testing.case import MixerCase
from seqzoo.testing.checks.agreement import agree

__all__ = ["runs_in_every_precision"]


def runs_in_every_precision(case: MixerCase) -> None:
    """float32 is near float64; under autocast bfloat16 and float16 run, forward and backward."""
    exact, x = case.build(), case.inputs()
    with torch.no_grad():
        expected, _ = exact(x)
    mixer = case.build(torch.float32)
    y, _ = mixer(x.float())
    assert y.dtype == torch.float32, f"float32 inputs give {y.dtype}"
    agree(y, expected, "float32", 1e-3)
    for half in (torch.bfloat16, torch.float16):
        mixer = case.build(torch.float32)
        inputs = x.float().requires_grad_()
        with torch.autocast("cpu", half):
            y, _ = mixer(inputs)
        assert bool(y.isfinite().all()), f"under autocast to {half} outputs are not finite"
        agree(y, expected, f"autocast to {half}", 0.3)
        y.float().square().mean().backward()
        assert inputs.grad is not None
        assert bool(inputs.grad.isfinite().all()), f"under autocast to {half}: a gradient is not"
