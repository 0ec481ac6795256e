"""Unit norms, and the stages of a projection."""

import pytest
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


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_unit_norms_do_not_exceed_one_in_half_precision(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20_000, 8, generator=generator).to(dtype)
    found = unit_norm(x)
    norms = found.double().norm(dim=-1)
    assert found.dtype == dtype
    assert norms.max() <= 1 + 1e-6
    assert norms.min() > 1 - 2 * torch.finfo(dtype).eps


@pytest.mark.parametrize("size", [0.0, 1e-4, 1.0, 200.0])
def test_small_and_large_vectors_are_normed_in_float16(size: float) -> None:
    """At 0 the slope is 1e6, which float16 has not."""
    x = torch.full((1, 4), size, dtype=torch.float16, requires_grad=True)
    found = unit_norm(x)
    (slope,) = torch.autograd.grad(found[0, 0], x)
    assert bool(slope.isfinite().all()) or not size
    assert torch.allclose(found, torch.full_like(found, 0.5 if size else 0.0), rtol=2e-3)
