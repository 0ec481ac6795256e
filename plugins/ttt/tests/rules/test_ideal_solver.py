"""PRISM's Eq. 6 against a loop over its numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.operators import Dims, Place
from seqzoo.scan import serial_scan
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry()
HEADS, KEY, VALUE = 2, 4, 3


def rule(activation: str) -> Any:
    spec = REGISTRY.spec("rule", {"type": "ideal_solver", "activation": activation})
    return spec.build(Dims(Place(16), HEADS, KEY, VALUE))


def gelu(x: Tensor) -> tuple[Tensor, Tensor]:
    """x Phi(x) and Phi(x) + x phi(x)."""
    below = (1 + torch.erf(x / math.sqrt(2))) / 2
    return x * below, below + x * torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def tanh(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.tanh(), 1 - x.tanh() ** 2


def drawn(length: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(length)
    shapes = {"queries": KEY, "keys": KEY, "values": VALUE}
    return {
        name: torch.randn(2, length, HEADS, size, generator=generator, dtype=torch.float64)
        for name, size in shapes.items()
    }


def literal(tokens: dict[str, Tensor], act: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Tensor:
    """Eq. 6 number by number: sequence, head, token, and row i of the state."""
    q, k, v = tokens["queries"], tokens["keys"], tokens["values"]
    outputs = []
    for b in range(q.shape[0]):
        for h in range(HEADS):
            rows = [torch.zeros(KEY, dtype=q.dtype) for _ in range(VALUE)]
            for t in range(q.shape[1]):
                for i in range(VALUE):
                    activated, slope = act((rows[i] * k[b, t, h]).sum())
                    rows[i] = rows[i] + (v[b, t, h, i] - activated) * slope * k[b, t, h]
                outputs.append(torch.stack([(row * q[b, t, h]).sum() for row in rows]))
    shape = (q.shape[0], HEADS, q.shape[1], VALUE)
    return torch.stack(outputs).view(shape).transpose(1, 2)


@pytest.mark.parametrize(("name", "act"), [("gelu", gelu), ("tanh", tanh)])
def test_the_update_is_the_equation(name: str, act: Any) -> None:
    tokens = {key: 0.7 * x.requires_grad_() for key, x in drawn(7).items()}
    leaves = list(tokens.values())
    found = []
    for reads in (serial_scan(rule(name), tokens)[0], literal(tokens, act)):
        found.append([reads, *torch.autograd.grad(reads.sin().sum(), leaves)])
    for mine, right in zip(*found, strict=True):
        assert error_ratio(mine, right) < 1e-12


def test_with_the_identity_it_is_the_delta_rule() -> None:
    tokens = drawn(9)
    tokens["keys"] = tokens["keys"] / tokens["keys"].norm(dim=-1, keepdim=True)
    reads, state = serial_scan(rule("identity"), tokens)
    delta = REGISTRY.spec("rule", "delta").build(Dims(Place(16), HEADS, KEY, VALUE))
    ones = {**tokens, "strengths": torch.ones(2, 9, HEADS, dtype=torch.float64)}
    expected, other = serial_scan(delta, ones)
    assert error_ratio(reads, expected) < 1e-13
    assert error_ratio(state, other) < 1e-13
