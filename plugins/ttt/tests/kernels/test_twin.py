"""The written-out gradient against autograd's of the token loop, in float64."""

from __future__ import annotations

import pytest
import torch

from seqzoo.testing import error_ratio
from seqzoo_ttt.kernels import twin
from seqzoo_ttt.kernels.case import DualCase, primal
from seqzoo_ttt.kernels.problem import Found, Given


@pytest.mark.parametrize(("time", "mini_batch"), [(1, 4), (4, 4), (11, 4), (6, 3), (3, 1)])
def test_forward_and_backward_are_the_token_loops(time: int, mini_batch: int) -> None:
    case = DualCase(torch.float64, size=6, time=time, mini_batch=mini_batch)
    tensors = case.tensors(torch.device("cpu"))
    given = Given(**{name: x.double().requires_grad_() for name, x in tensors.items()})
    expected = primal(given)
    torch.manual_seed(1)
    of = Found(*(torch.randn_like(x) for x in expected))
    for mine, right in zip(twin.forward(given), expected, strict=True):
        assert error_ratio(mine, right) < 1e-9
    loss = torch.stack([(x * y).sum() for x, y in zip(expected, of, strict=True)]).sum()
    gradients = torch.autograd.grad(loss, given)
    with torch.no_grad():
        found = twin.backward(given, of)
    for name, mine, right in zip(Given._fields, found, gradients, strict=True):
        assert error_ratio(mine, right) < 1e-9, name
