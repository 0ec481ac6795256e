import pytest
import torch
from pydantic import ValidationError
from torch import nn

from seqzoo.train.optimizer import AdamW


def test_matrices_decay_and_the_rest_does_not() -> None:
    model = nn.Sequential(nn.Embedding(3, 4), nn.Linear(4, 2), nn.LayerNorm(2))
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.5)
        parameter.grad = torch.zeros_like(parameter)
    AdamW.Spec(lr=0.1, weight_decay=0.2).build().make(model).step()
    for parameter in model.parameters():
        expected = 0.5 * (1 - 0.1 * 0.2) if parameter.ndim == 2 else 0.5
        assert torch.allclose(parameter, torch.tensor(expected))


def test_a_step_is_adams() -> None:
    model = nn.Linear(2, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    optimizer = AdamW.Spec(lr=0.1, betas=(0.5, 0.9), eps=1e-3).build().make(model)
    mean = square = 0.0
    weight = 1.0
    for step, gradient in enumerate((0.3, -0.1), start=1):
        model.weight.grad = torch.full_like(model.weight, gradient)
        optimizer.step()
        mean = 0.5 * mean + 0.5 * gradient
        square = 0.9 * square + 0.1 * gradient**2
        weight -= 0.1 * (mean / (1 - 0.5**step)) / ((square / (1 - 0.9**step)) ** 0.5 + 1e-3)
    assert torch.allclose(model.weight, torch.full((1, 2), weight))


def test_frozen_parameters_and_empty_groups_are_left_out() -> None:
    model = nn.Linear(2, 2)
    model.bias.requires_grad_(False)
    groups = AdamW.Spec().build().make(model).param_groups
    assert [group["params"] for group in groups] == [[model.weight]]


@pytest.mark.parametrize("wrong", [{"lr": 0.0}, {"betas": (0.9, 1.0)}, {"weight_decay": -1.0}])
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AdamW.Spec.model_validate(wrong)


@pytest.mark.parametrize(("key", "value"), [("lr", 1e300), ("eps", 1e-320), ("weight_decay", 1e31)])
def test_settings_that_float32_cannot_hold_are_refused(key: str, value: float) -> None:
    with pytest.raises(ValidationError, match=key):
        AdamW.Spec.model_validate({key: value})


def test_an_update_of_zero_gradients_with_the_smallest_eps_is_a_number() -> None:
    model = nn.Linear(2, 2)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    AdamW.Spec(eps=1.2e-38).build().make(model).step()
    assert all(parameter.isfinite().all() for parameter in model.parameters())
