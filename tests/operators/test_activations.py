"""Every activation at a few points, by its formula."""

import math

import pytest
import torch

import seqzoo
from seqzoo.operators import Activation
from seqzoo.registry import load_registry

REGISTRY = seqzoo.load_registry()
POINTS = (-2.5, -0.7, 0.0, 0.3, 1.9)

FORMULAS = {
    "identity": lambda x: x,
    "gelu": lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "relu": lambda x: max(x, 0.0),
    "relu2": lambda x: max(x, 0.0) ** 2,
    "elu1": lambda x: x + 1 if x > 0 else math.exp(x),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_it_is_its_formula(name: str) -> None:
    part: Activation = REGISTRY.spec("activation", name).build()
    found = part(torch.tensor(POINTS, dtype=torch.float64))
    expected = torch.tensor([FORMULAS[name](x) for x in POINTS], dtype=torch.float64)
    torch.testing.assert_close(found, expected)


def test_every_built_in_activation_has_its_formula() -> None:
    assert set(load_registry(entry_points=[]).names("activation")) == set(FORMULAS)
