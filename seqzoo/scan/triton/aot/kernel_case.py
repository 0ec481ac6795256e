"""A problem on which kernels are compiled, checked against the reference, and timed.

A case runs the launchers themselves, not the operators around them, so it serves on every device:
on meta tensors its launches are recorded, on real ones its results are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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


def numbers_for(device: torch.device) -> tuple[torch.device, torch.Generator | None]:
    """Where a case draws its numbers for a device, and from what: the same ones on every device,
    and none on meta."""
    if device.type == "meta":
        return device, None
    return torch.device("cpu"), torch.Generator().manual_seed(0)


@dataclass(frozen=True)
class Expected:
    """What a case should give, in float64 on the CPU.

    Attributes:
        results: by name.
        gradients: of each input, of the sum of the results times the cotangents.
        cotangents: in the results' own dtypes.
    """

    results: Tensors
    gradients: Tensors
    cotangents: Tensors


def expect(case: Case) -> Expected:
    """What the reference makes of a case's own numbers."""
    tensors = case.tensors(torch.device("cpu"))
    leaves = {name: x.detach().double().requires_grad_() for name, x in tensors.items()}
    results = case.reference(leaves)
    generator = torch.Generator().manual_seed(1)
    cotangents = {
        name: torch.randn(value.shape, generator=generator).to(_result_dtype(case, name))
        for name, value in results.items()
    }
    loss = torch.stack([(results[n] * c.double()).sum() for n, c in cotangents.items()]).sum()
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    return Expected(
        {name: value.detach() for name, value in results.items()},
        dict(zip(leaves, gradients, strict=True)),
        cotangents,
    )


def verify(
    case: Case, device: torch.device, expected: Expected | None = None
) -> dict[str, tuple[float, float]]:
    """Each result's and gradient's error ratio against float64 on the CPU, and what passes.

    RMSE over RMS; a number that is not finite is an infinite error. `expected` is what `expect`
    gave for the case, where it is at hand.
    """
    expected = expect(case) if expected is None else expected
    on_device = {name: cotangent.to(device) for name, cotangent in expected.cotangents.items()}
    results, found = case.run(case.tensors(device), on_device)
    of_results, of_gradients, of_coarse = TOLERANCES[case.dtype]
    errors = {
        name: (error_ratio(results[name], value), of_results)
        for name, value in expected.results.items()
    }
    for name, value in expected.gradients.items() if found else ():
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
