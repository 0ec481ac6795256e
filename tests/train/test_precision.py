import pytest
import torch

from seqzoo.errors import SpecError
from seqzoo.train.precision import Precision

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_products_are_in_the_type_and_gradients_are_not(name: str) -> None:
    precision = Precision(name, CPU)  # pyright: ignore[reportArgumentType]
    weight = torch.full((2, 2), 0.5, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=1.0)
    with precision.autocast():
        product = weight @ torch.ones(2, 2)
    assert product.dtype == getattr(torch, name)
    precision.backward(product.float().mean())
    precision.unscale(optimizer)
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32
    assert torch.equal(weight.grad, torch.full((2, 2), 0.5))
    precision.update(optimizer)
    assert torch.equal(weight, torch.zeros(2, 2))


def test_an_overflow_is_skipped_and_the_factor_comes_back() -> None:
    precision = Precision("float16", CPU)
    weight = torch.ones(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=1.0)
    precision.backward((weight * torch.inf).sum())
    precision.unscale(optimizer)
    precision.update(optimizer)
    assert torch.equal(weight, torch.ones(1))
    state = precision.state()
    assert float(state["scale"]) == 2.0**15
    other = Precision("float16", CPU)
    other.restore(state)
    assert other.state() == state
    assert Precision("bfloat16", CPU).state() == {}
    # Three steps without an overflow: the fourth continues the count towards a larger factor.
    for _ in range(3):
        optimizer.zero_grad()
        precision.backward(weight.sum())
        precision.unscale(optimizer)
        precision.update(optimizer)
    resumed = Precision("float16", CPU)
    resumed.restore(precision.state())
    assert int(resumed.state()["growth_tracker"]) == 3


def test_a_device_that_cannot_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError('"addmm_impl_cpu_" not implemented for Half\nmore')

    monkeypatch.setattr(torch.Tensor, "__matmul__", refuse)
    with pytest.raises(SpecError) as caught:
        Precision("float16", CPU)
    message = str(caught.value)
    assert message.startswith("train.precision: cpu on this machine cannot compute in float16")
    assert message.endswith("write precision: float32, or choose another train.device")
