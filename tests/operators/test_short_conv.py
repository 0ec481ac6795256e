"""The short convolution against conv1d: values, gradients, and sequences of no tokens."""

import pytest
import torch
from torch.nn import functional as F

from seqzoo.operators.short_conv import ShortConv


@pytest.mark.parametrize("kernel_size", [1, 2, 4, 7])
def test_it_is_conv1d(kernel_size: int) -> None:
    torch.manual_seed(0)
    conv = ShortConv(5, kernel_size).double()
    x = torch.randn(3, 11, 5, dtype=torch.float64, requires_grad=True)
    state = torch.randn(3, kernel_size - 1, 5, dtype=torch.float64, requires_grad=True)
    y, after = conv(x, state)
    seen = torch.cat([state, x], dim=1)
    expected = F.conv1d(seen.transpose(1, 2), conv.weight, groups=5).transpose(1, 2)
    torch.testing.assert_close(y, expected)
    assert torch.equal(after, seen[:, 11:])
    weights = torch.randn_like(y)
    found = torch.autograd.grad((y * weights).sum(), (x, state, conv.weight))
    wanted = torch.autograd.grad((expected * weights).sum(), (x, state, conv.weight))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_gradients_are_the_differences() -> None:
    torch.manual_seed(0)
    conv = ShortConv(2, 3).double()
    x = torch.randn(1, 4, 2, dtype=torch.float64, requires_grad=True)
    state = torch.randn(1, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *inputs: conv(*inputs)[0], (x, state))


def test_no_tokens_leave_the_state() -> None:
    conv = ShortConv(2, 4)
    state = torch.randn(1, 3, 2)
    y, after = conv(torch.empty(1, 0, 2), state)
    assert y.shape == (1, 0, 2)
    assert torch.equal(after, state)
