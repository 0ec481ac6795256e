"""Every kind of derivative through the kernels: given, or refused in words."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import forward_ad

from seqzoo.scan import Transition, Writes, step

from ..derivatives import LOSSES, PROMISES
from ..numerics import Setting
from ..oracle import error_ratio, make_case

# torch's own forward mode warns of itself
pytestmark = pytest.mark.filterwarnings(
    "ignore:.torch.jit.script. is deprecated:DeprecationWarning"
)


@pytest.mark.parametrize("promise", PROMISES)
@pytest.mark.parametrize("losses", LOSSES.values(), ids=LOSSES)
def test_derivatives(device, losses, promise):
    promise(*losses("triton", device))


def test_a_step_has_a_forward_mode_derivative(device):
    """By torch's operations: the kernel of a step has none of its own."""
    case = make_case(batch=1, time=1, decay="none", erase="none").to(torch.float32)
    queries, _, writes, state = case.arguments()
    assert state is not None
    queries, state = queries[:, 0].to(device), state.to(device)
    writes = Writes(writes.keys[:, 0].to(device), writes.values[:, 0].to(device))

    def outputs(queries):
        return step(queries, Transition(), writes, state, backend="triton").outputs

    with forward_ad.dual_level():
        found = forward_ad.unpack_dual(
            outputs(forward_ad.make_dual(queries, torch.ones_like(queries)))
        ).tangent
    assert found is not None
    assert error_ratio(found.cpu(), outputs(torch.ones_like(queries)).cpu()) < 1e-5


@pytest.mark.parametrize("erase", ["general", "read"])
@pytest.mark.parametrize("lengths", [None, (0, 1)], ids=["whole", "packed"])
def test_one_token_alone(device, erase, lengths):
    """Where a part of a buffer is already in the right order of memory."""
    here = Setting("triton", device.type, torch.float32, 1, heads=1)
    batch = {} if lengths else {"batch": 1}
    here.agree(here.case(erase=erase, lengths=lengths, **batch))
