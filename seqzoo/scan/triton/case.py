"""A problem that kernels are tried on: compiled for, checked against its reference, timed.

A case runs the launchers themselves, not the operators around them, so it serves on every device:
on meta tensors its launches are recorded, on real ones its results are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

Tensors = Mapping[str, Tensor]

TOLERANCES = {
    torch.float32: (1e-4, 1e-4, 1e-4),
    torch.bfloat16: (5e-3, 1e-2, 2e-2),
    torch.float16: (1e-3, 3e-3, 5e-3),
}
"""Error ratios against float64 that pass: of results, of gradients, and of the gradients of decays
and strengths, which sum many terms of both signs. Three tf32 products keep 1e-4; half precision is
told by its operands' eight or eleven bits."""

COARSE = ("log_decay", "strengths", "strength")


class Case(Protocol):
    """One problem of one family of kernels, at one dtype."""

    @property
    def name(self) -> str:
        """What is special about it, in a few words."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Of the large tensors."""
        ...

    def tensors(self, device: torch.device) -> Tensors:
        """The differentiable inputs by name, the same numbers each time."""
        ...

    def run(self, tensors: Tensors, cotangents: Tensors | None = None) -> tuple[Tensors, Tensors]:
        """Results by name, and every input's gradient, none if it has none, by the kernels;
        cotangents None are ones."""
        ...

    def reference(self, tensors: Tensors) -> Tensors:
        """The results, differentiable, in the tensors' dtype: float64."""
        ...


def verify(case: Case, device: torch.device) -> dict[str, tuple[float, float]]:
    """Each result's and gradient's error ratio against float64 on the CPU, and what passes.

    RMSE over RMS; a number that is not finite is an infinite error.
    """
    tensors = case.tensors(device)
    exact = {name: tensor.detach().cpu().double() for name, tensor in tensors.items()}
    leaves = {name: tensor.requires_grad_() for name, tensor in exact.items()}
    expected = case.reference(leaves)
    generator = torch.Generator().manual_seed(1)
    cotangents = {
        name: torch.randn(value.shape, generator=generator).to(_result_dtype(case, name))
        for name, value in expected.items()
    }
    loss = torch.stack([(expected[n] * c.double()).sum() for n, c in cotangents.items()]).sum()
    gradients = torch.autograd.grad(loss, list(leaves.values()))

    on_device = {name: cotangent.to(device) for name, cotangent in cotangents.items()}
    results, found = case.run(tensors, on_device)
    of_results, of_gradients, of_coarse = TOLERANCES[case.dtype]
    errors = {
        name: (error_ratio(results[name], value.detach()), of_results)
        for name, value in expected.items()
    }
    for name, value in zip(leaves, gradients, strict=True) if found else ():
        bound = of_coarse if name in COARSE else of_gradients
        errors[f"d{name}"] = (error_ratio(found[name], value), bound)
    return errors


def error_ratio(found: Tensor, expected: Tensor) -> float:
    """RMSE over RMS in float64; infinite where a number is not finite."""
    found, expected = found.detach().cpu().double(), expected.double()
    if not torch.isfinite(found).all():
        return float("inf")
    if found.numel() == 0:
        return 0.0
    rmse = (found - expected).square().mean().sqrt()
    return (rmse / (expected.square().mean().sqrt() + 1e-8)).item()


def _result_dtype(case: Case, name: str) -> torch.dtype:
    return torch.float32 if name == "state" else case.dtype
