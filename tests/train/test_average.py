import pytest
import torch
from torch import nn

from seqzoo.train.average import Average


def test_the_average_follows_its_formula_and_trades_places() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 2.0)
    average = Average(model, decay=0.15)
    expected = 2.0
    for step, weight in enumerate((4.0, -1.0, 3.0)):
        nn.init.constant_(model.weight, weight)
        average.update(step)
        decay = min(0.15, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight
    assert float(average.values["weight"]) == pytest.approx(expected)
    with average.in_place():
        assert model.weight.item() == pytest.approx(expected)
        assert float(average.values["weight"]) == 3.0
    assert model.weight.item() == 3.0
    assert torch.is_grad_enabled()
    assert model.weight.requires_grad
