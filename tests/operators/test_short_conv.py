"""The short convolution against conv1d: values, gradients of every order, documents."""

import pytest
import torch
from torch.nn import functional as F

from seqzoo.operators import ShortConv, Stream


def run(conv: ShortConv, x: torch.Tensor, past: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    stream = Stream(len(past), {"inputs": past})
    y = conv(x, stream)
    return y, stream.after()["inputs"]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kernel_size", [2, 4, 7])
def test_it_is_conv1d(kernel_size: int, bias: bool) -> None:
    torch.manual_seed(0)
    conv = ShortConv(5, kernel_size, bias=bias).double()
    x = torch.randn(3, 11, 5, dtype=torch.float64, requires_grad=True)
    past = torch.randn(3, kernel_size - 1, 5, dtype=torch.float64, requires_grad=True)
    y, after = run(conv, x, past)
    seen = torch.cat([past, x], dim=1)
    expected = F.conv1d(seen.transpose(1, 2), conv.weight, conv.bias, groups=5).transpose(1, 2)
    torch.testing.assert_close(y, expected)
    assert torch.equal(after, seen[:, 11:])
    weights = torch.randn_like(y)
    sources = (x, past, *conv.parameters())
    found = torch.autograd.grad((y * weights).sum(), sources)
    wanted = torch.autograd.grad((expected * weights).sum(), sources)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_a_kernel_of_one_token_is_a_factor_and_carries_nothing() -> None:
    conv, x = ShortConv(2, 1), torch.randn(1, 4, 2)
    stream = Stream.over(x)
    torch.testing.assert_close(conv(x, stream), x * conv.weight[:, 0, 0])
    assert stream.after() == {}


def small() -> tuple[ShortConv, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    conv = ShortConv(2, 3).double()
    x = torch.randn(1, 4, 2, dtype=torch.float64, requires_grad=True)
    past = torch.randn(1, 2, 2, dtype=torch.float64, requires_grad=True)
    return conv, x, past


def of_inputs(
    conv: ShortConv, x: torch.Tensor, past: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    stream = Stream(1, {"inputs": past})
    return torch.func.functional_call(conv, {"weight": weight}, (x, stream))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # of torch's own import
def test_gradients_are_right_at_every_order_and_in_forward_mode() -> None:
    conv, x, past = small()

    def function(*inputs: torch.Tensor) -> torch.Tensor:
        return of_inputs(conv, *inputs).square()

    inputs = (x, past, conv.weight.detach().requires_grad_())
    assert torch.autograd.gradcheck(function, inputs, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(function, inputs)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # of torch's own import
def test_torch_func_goes_through() -> None:
    conv, x, past = small()
    weight = conv.weight.detach()

    def loss(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return of_inputs(conv, x, past.detach(), weight).pow(3).sum()

    x = x.detach()
    leaf, own = x.clone().requires_grad_(), weight.clone().requires_grad_()
    expected = torch.autograd.grad(loss(leaf, own), (leaf, own))
    for one, other in zip(torch.func.grad(loss, (0, 1))(x, weight), expected, strict=True):
        torch.testing.assert_close(one, other)
    rows = torch.randn(3, *x.shape, dtype=torch.float64)
    many = torch.func.vmap(torch.func.grad(loss), (0, None))(rows, weight)
    for row, one in zip(rows, many, strict=True):
        torch.testing.assert_close(one, torch.func.grad(loss)(row, weight))
    ones = torch.ones_like(x)
    slope = torch.func.jvp(lambda x: loss(x, weight), (x,), (ones,))[1]
    torch.testing.assert_close(slope, (expected[0] * ones).sum())


def test_no_tokens_leave_what_was_there() -> None:
    past = torch.randn(1, 3, 2)
    y, after = run(ShortConv(2, 4), torch.empty(1, 0, 2), past)
    assert y.shape == (1, 0, 2)
    assert torch.equal(after, past)


@pytest.mark.parametrize("fresh", [True, False])
def test_documents_are_apart_and_go_on_where_they_stopped(fresh: bool) -> None:
    torch.manual_seed(0)
    conv = ShortConv(2, 4).double()
    x = torch.randn(1, 9, 2, dtype=torch.float64)
    bounds = torch.tensor([0, 1, 1, 3, 9])
    past = torch.randn(4, 3, 2, dtype=torch.float64) * (0.0 if fresh else 1.0)
    stream = Stream.over(x, None if fresh else {"inputs": past}, bounds)
    y = conv(x, stream)
    after = stream.after()["inputs"]
    for document in range(4):
        begin, end = int(bounds[document]), int(bounds[document + 1])
        alone, kept = run(conv, x[:, begin:end], past[document : document + 1])
        torch.testing.assert_close(y[:, begin:end], alone)
        assert torch.equal(after[document], kept[0])


def test_the_sum_in_place_is_taken_where_nothing_looks_inside() -> None:
    """In plain calls; transforms of torch.func go through the sum out of place."""
    conv, x, past = small()
    y, _ = run(conv, x, past)
    assert "ShiftedSum" in type(y.grad_fn).__name__
    seen: list[str] = []

    def inner(x: torch.Tensor) -> torch.Tensor:
        y, _ = run(conv, x, past)
        seen.append(type(y.grad_fn).__name__)
        return y.sum()

    torch.func.grad(inner)(x.detach())
    assert not any("ShiftedSum" in name for name in seen)
