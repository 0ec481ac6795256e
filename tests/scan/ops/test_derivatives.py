"""Every kind of derivative through the torch path, eagerly: given, or refused in words."""

from __future__ import annotations

import pytest
import torch

from seqzoo.scan import Transition, Writes, elementwise_scan, scan

from ..derivatives import LOSSES, PROMISES
from ..oracle import error_ratio, make_case

# torch's own forward mode warns of itself
pytestmark = pytest.mark.filterwarnings(
    "ignore:.torch.jit.script. is deprecated:DeprecationWarning"
)


@pytest.mark.parametrize("promise", PROMISES)
@pytest.mark.parametrize("losses", LOSSES.values(), ids=LOSSES)
def test_derivatives(losses, promise):
    promise(*losses("chunked", torch.device("cpu")))


def test_results_may_be_changed_in_place():
    queries, _, writes, state = make_case(erase="none").arguments()
    keys = writes.keys.requires_grad_()
    gradients = []
    for change in (torch.Tensor.mul, torch.Tensor.mul_):
        result = scan(queries, Transition(), Writes(keys, writes.values), state, backend="chunked")
        changed = change(result.outputs, 3.0).sum() + change(result.state, 2.0).sum()
        gradients.append(torch.autograd.grad(changed, keys)[0])
    assert error_ratio(gradients[1], gradients[0]) < 1e-14

    inputs = queries.clone().requires_grad_()
    state = elementwise_scan(-queries.square(), inputs).state.mul_(2.0)
    (found,) = torch.autograd.grad(state.sum(), inputs)
    (expected,) = torch.autograd.grad(
        2.0 * elementwise_scan(-queries.square(), inputs).state.sum(), inputs
    )
    assert torch.equal(found, expected)
