"""What a backend that differentiates once gives, and what it refuses in words; for any device."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

from seqzoo.scan import (
    Erase,
    ExponentialDecay,
    Transition,
    Writes,
    elementwise_scan,
    scan,
    selective_scan,
)

from .oracle import error_ratio

Loss = Callable[[Tensor], Tensor]


def loss_of_scan(backend: str, device: torch.device) -> tuple[Loss, Tensor]:
    """A loss whose gradient comes in as a constant, and the keys that it depends on."""
    generator = torch.Generator().manual_seed(3)
    shape = (1, 6, 1, 16)
    queries, values = (torch.randn(shape, generator=generator).to(device) for _ in range(2))
    keys = torch.nn.functional.normalize(torch.randn(shape, generator=generator), dim=-1)
    strength = torch.rand(shape[:3], generator=generator).to(device)
    transition = Transition(-strength, Erase(strength=strength))

    def loss(keys: Tensor) -> Tensor:
        writes = Writes(keys[:, :, None], values[:, :, None])
        return scan(queries, transition, writes, backend=backend).outputs.sum()

    return loss, keys.to(device)


def loss_of_elementwise_scan(backend: str, device: torch.device) -> tuple[Loss, Tensor]:
    """The same of the element-wise scan, and its log decays."""
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(1, 6, 5, generator=generator).to(device)
    log_decay = -torch.rand(1, 6, 5, generator=generator).to(device)

    def loss(log_decay: Tensor) -> Tensor:
        return elementwise_scan(log_decay, inputs, backend=backend).outputs.sum()

    return loss, log_decay


def loss_of_selective_scan(backend: str, device: torch.device) -> tuple[Loss, Tensor]:
    """The same of the selective scan, and its steps."""
    generator = torch.Generator().manual_seed(3)
    rates = -torch.rand(1, 1, 1, 4, 5, generator=generator).to(device)
    steps, values = torch.rand(2, 1, 6, 1, 5, generator=generator).to(device)
    keys, queries = torch.randn(2, 1, 6, 1, 4, generator=generator).to(device)

    def loss(steps: Tensor) -> Tensor:
        arguments = (ExponentialDecay(), steps, rates, keys, values, queries)
        return selective_scan(*arguments, backend=backend).outputs.sum()

    return loss, steps


LOSSES = {
    "scan": loss_of_scan,
    "elementwise": loss_of_elementwise_scan,
    "selective": loss_of_selective_scan,
}


def functional_gradients_are_the_usual_ones(loss: Loss, leaf: Tensor) -> None:
    expected = torch.autograd.grad(loss(leaf.requires_grad_()), leaf)[0]
    assert error_ratio(torch.func.grad(loss)(leaf.detach()), expected) < 1e-6


def a_second_derivative_is_refused(loss: Loss, leaf: Tensor) -> None:
    """Also where the results' gradients are constants, in which nothing tells of a first one."""
    leaf.requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf), leaf, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiates once"):
        gradient.norm().backward()
    with pytest.raises(RuntimeError, match="differentiates once"):
        torch.func.grad(lambda x: torch.func.grad(loss)(x).square().sum())(leaf.detach())


def forward_mode_is_refused(loss: Loss, leaf: Tensor) -> None:
    message = "no forward-mode derivative: use reverse mode"
    with forward_ad.dual_level(), pytest.raises(NotImplementedError, match=message):
        loss(forward_ad.make_dual(leaf, torch.ones_like(leaf)))


def vmap_is_refused(loss: Loss, leaf: Tensor) -> None:
    """Forward and, as `jacrev` has it, backward."""
    with pytest.raises(NotImplementedError, match="no vmap rule: put the mapped axis into B"):
        torch.func.vmap(loss)(leaf[None])
    backward = torch.func.vjp(loss, leaf)[1]
    with pytest.raises(NotImplementedError, match="no vmap rule: put the mapped axis into B"):
        torch.func.vmap(backward)(torch.ones(2, device=leaf.device))


PROMISES = (
    functional_gradients_are_the_usual_ones,
    a_second_derivative_is_refused,
    forward_mode_is_refused,
    vmap_is_refused,
)
