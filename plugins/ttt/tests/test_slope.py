"""Closed derivatives are torch.func's, and so is what is derived."""

import pytest
import torch

from seqzoo.operators.activations import Relu2
from seqzoo.testing import error_ratio
from seqzoo_ttt.slope import SLOPES, with_slope


@pytest.mark.parametrize("part", [*SLOPES, Relu2], ids=lambda part: part.name)
@pytest.mark.parametrize("graph", [True, False])
def test_slopes_are_those_of_torch_func(part, graph: bool) -> None:
    activation = part.Spec().build()
    x = torch.linspace(-3.0, 3.0, 24, dtype=torch.float64)
    expected = torch.func.grad(lambda x: activation(x).sum())(x)
    with torch.set_grad_enabled(graph):
        y, slope = with_slope(activation, x)
    assert torch.equal(y, activation(x))
    assert error_ratio(slope, expected) < 1e-14
