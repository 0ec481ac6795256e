"""The element-wise scan as a custom operator."""

from __future__ import annotations

import pytest
import torch

from seqzoo.scan import elementwise_scan

from ..oracle import error_ratio

BOUNDS = torch.tensor([0, 5, 5, 12])


def tensors(rows: int, cu_seqlens: torch.Tensor | None):
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
        return drawn.requires_grad_()

    batch = rows if cu_seqlens is None else 1
    decay = normal(batch, 12, 3).detach().abs().neg().requires_grad_()
    return decay, normal(batch, 12, 3), normal(rows, 3), cu_seqlens


@pytest.mark.parametrize(("rows", "cu_seqlens"), [(2, None), (3, BOUNDS)], ids=["batch", "packed"])
def test_they_are_proper_operators(rows, cu_seqlens):
    arguments = tensors(rows, cu_seqlens)
    torch.library.opcheck(torch.ops.seqzoo.elementwise_scan, arguments)
    log_decay, state = arguments[0].detach(), arguments[2].detach()
    hidden, final = torch.ops.seqzoo.elementwise_scan(*arguments)
    saved = (log_decay, hidden.detach(), state, cu_seqlens)
    for gradients in (
        (torch.randn_like(log_decay), None),
        (None, torch.randn_like(final.detach())),
    ):
        torch.library.opcheck(torch.ops.seqzoo.elementwise_scan_backward, (*gradients, *saved))


@pytest.mark.parametrize(("rows", "cu_seqlens"), [(2, None), (3, BOUNDS)], ids=["batch", "packed"])
def test_a_graph_gives_the_eager_numbers(rows, cu_seqlens):
    torch.compiler.reset()
    arguments = tensors(rows, cu_seqlens)
    results = []
    for function in (
        elementwise_scan,
        torch.compile(elementwise_scan, backend="aot_eager", fullgraph=True),
    ):
        outputs, state = function(*arguments)
        loss = outputs.sin().sum() + state.square().sum()
        results.append((outputs, state, *torch.autograd.grad(loss, arguments[:3])))
    for found, expected in zip(*results, strict=True):
        assert error_ratio(found, expected) < 1e-12


def test_what_it_refuses():
    log_decay, inputs, *_ = tensors(2, None)
    with pytest.raises(
        NotImplementedError,
        match=r"no vmap rule: put .*\(M \* B, T, \.\.\.\), or use backend='reference'$",
    ):
        torch.func.vmap(elementwise_scan)(log_decay[None], inputs[None])
    outputs, _ = elementwise_scan(log_decay, inputs)
    (gradient,) = torch.autograd.grad(outputs.square().sum(), inputs, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiates once"):
        gradient.sum().backward()


def test_a_second_derivative_through_the_operator_is_refused():
    log_decay, inputs, state, _ = tensors(2, None)
    outputs, _ = torch.ops.seqzoo.elementwise_scan(log_decay, inputs, state, None)
    (gradient,) = torch.autograd.grad(outputs.square().sum(), inputs, create_graph=True)
    with pytest.raises(RuntimeError, match="elementwise_scan differentiates once"):
        gradient.sum().backward()
