"""The operators in graphs and under transforms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqzoo_ttt.kernels.case import DualCase
from seqzoo_ttt.kernels.op import _backward_op, _forward_op, dual_triton
from seqzoo_ttt.kernels.problem import Given

CASE = DualCase(torch.float32, size=4, time=5, mini_batch=2, batch=1, heads=1)


def given(device: torch.device) -> Given:
    return Given(**{name: x.requires_grad_() for name, x in CASE.tensors(device).items()})


def loss_of(given: Given, bounds: Tensor | None = None) -> Tensor:
    return torch.stack([x.square().sum() for x in dual_triton(given, bounds)]).sum()


def test_the_operators_are_well_formed(device: torch.device) -> None:
    tensors = given(device)
    checks = ("test_schema", "test_faketensor", "test_autograd_registration")
    torch.library.opcheck(_forward_op, (*tensors, None), test_utils=checks)
    with torch.no_grad():
        found = _forward_op(*tensors, None)
        arguments = (*tensors, None, *found[5:], *found[:5])
        torch.library.opcheck(_backward_op, arguments, test_utils=checks)


def test_a_compiled_graph_gives_the_same(device: torch.device) -> None:
    tensors = given(device)
    bounds = torch.tensor([0, 5], device=device)
    compiled = torch.compile(loss_of, fullgraph=True, backend="aot_eager")
    found = torch.autograd.grad(compiled(tensors, bounds), tensors)
    for mine, right in zip(found, torch.autograd.grad(loss_of(tensors), tensors), strict=True):
        torch.testing.assert_close(mine, right)


def test_what_is_refused(device: torch.device) -> None:
    tensors = given(device)
    (gradient,) = torch.autograd.grad(loss_of(tensors), tensors.keys, create_graph=True)
    with pytest.raises(RuntimeError, match="use backend: chunked for higher derivatives"):
        gradient.sum().backward()
    with pytest.raises(NotImplementedError, match="no vmap rule; use backend: chunked"):
        torch.func.vmap(lambda q: loss_of(tensors._replace(queries=q)))(tensors.queries[None])
