"""Compiled without a graph break, mixers give the eager numbers: outputs, gradients, steps."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.model import Mixer
from seqzoo.testing import error_ratio, mixer_case

REGISTRY = seqzoo.load_registry()

# torch's tracer makes an instance of each autograd function it meets, and warns of it itself
pytestmark = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")


@pytest.fixture(autouse=True)
def no_earlier_graphs():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def results(mixer: Mixer, call, x: Tensor) -> list[Tensor]:
    x = x.clone().requires_grad_()
    y, _ = call(x)
    return [y, *torch.autograd.grad(y.square().sum(), [x, *mixer.parameters()])]


@pytest.mark.parametrize("name", ["prism", "gated_deltanet", "linear_attention", "attention"])
def test_forward_and_backward_in_one_graph(name):
    case = mixer_case(name, REGISTRY)
    mixer, x = case.build(), case.inputs()
    compiled = torch.compile(mixer, backend="aot_eager", fullgraph=True)
    for found, expected in zip(results(mixer, compiled, x), results(mixer, mixer, x), strict=True):
        assert error_ratio(found, expected) < 1e-10


@pytest.mark.parametrize("name", ["prism", "gated_deltanet", "attention"])
def test_a_step_in_one_graph(name):
    case = mixer_case(name, REGISTRY)
    mixer, x = case.build(), case.inputs()
    with torch.no_grad():
        _, state = mixer(x[:, :-1])
        expected, _ = mixer.step(x[:, -1], state)
        compiled = torch.compile(mixer.step, backend="aot_eager", fullgraph=True)
        found, _ = compiled(x[:, -1], state)
    assert error_ratio(found, expected) < 1e-10
