"""Unit norms, and the stages of a projection."""

import torch

from seqzoo.operators import unit_norm


def test_unit_norm_never_exceeds_one() -> None:
    x = torch.randn(100, 8) * torch.logspace(-5, 15, 100).unsqueeze(-1)
    norms = unit_norm(x).norm(dim=-1)
    assert norms.max() <= 1 + 1e-6
    assert norms[-1] > 0.999


def test_unit_norm_of_zero_is_zero_with_a_finite_gradient() -> None:
    x = torch.zeros(3, 8, requires_grad=True)
    unit_norm(x).sum().backward()
    assert unit_norm(x).eq(0).all()
    assert x.grad is not None
    assert x.grad.isfinite().all()
