"""Inner gradients: closed forms and derived ones are those of torch.func.

A gradient by a memory's weights is put together of the maps' inputs and gradients, token by token.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.operators import Dims, Place
from seqzoo.testing import error_ratio
from seqzoo_ttt import InnerLoss, Memory
from seqzoo_ttt.memories.maps import maps_of, summed

REGISTRY = seqzoo.load_registry()
HEADS, SIZE, TOKENS = 2, 6, 5
LOSSES = REGISTRY.names("inner_loss")
MEMORIES = REGISTRY.names("memory")


def built(family: str, name: str) -> Any:
    torch.manual_seed(1)
    part = REGISTRY.spec(family, name).build(Dims(Place(HEADS * SIZE), HEADS, SIZE, SIZE)).double()
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return part


def drawn(number: int) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(number, 2, HEADS, TOKENS, SIZE, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("derived", [False, True], ids=["closed", "derived"])
@pytest.mark.parametrize("name", LOSSES)
def test_of_losses(name: str, derived: bool) -> None:
    loss = built("inner_loss", name)
    z, keys, values = drawn(3)
    gradient = InnerLoss.gradient if derived else type(loss).gradient
    expected = torch.func.grad(lambda z: loss.value(z, keys, values).sum())(z)
    for graph in (True, False):
        with torch.set_grad_enabled(graph):
            assert error_ratio(gradient(loss, z, keys, values), expected) < 1e-12


@pytest.mark.parametrize("derived", [False, True], ids=["closed", "derived"])
@pytest.mark.parametrize("name", MEMORIES)
def test_of_memories(name: str, derived: bool) -> None:
    memory, loss = built("memory", name), built("inner_loss", "ln_reconstruction")
    keys, values = drawn(2)
    weights = {
        map_name: {key: x.expand(2, *x.shape) for key, x in layer.items()}
        for map_name, layer in memory.initial().items()
    }

    def value(weights: Any) -> Tensor:
        return loss.value(memory(maps_of(weights), keys), keys, values).sum()

    expected = torch.func.grad(value)(weights)
    gradients = Memory.gradients if derived else type(memory).gradients
    seen = gradients(memory, weights, loss, keys, values)
    found = summed(weights, seen, torch.ones(2, HEADS, TOKENS, dtype=torch.float64))
    for map_name, layer in expected.items():
        for key, right in layer.items():
            assert error_ratio(found[map_name][key], right) < 1e-12


@pytest.mark.parametrize("name", MEMORIES)
def test_derived_gradients_can_be_differentiated_again(name: str) -> None:
    """As the outer loss does, by whatever the inner gradient depends on."""
    memory, loss = built("memory", name), built("inner_loss", "ln_reconstruction")
    keys, values = drawn(2)
    sources = [*memory.parameters(), *loss.parameters()]
    results = []
    for gradients in (type(memory).gradients, Memory.gradients):
        weights = {
            map_name: {key: x.expand(2, *x.shape) for key, x in layer.items()}
            for map_name, layer in memory.initial().items()
        }
        seen = gradients(memory, weights, loss, keys, values)
        total = sum(each.gradients.sin().sum() for each in seen.values())
        assert isinstance(total, Tensor)
        results.append(torch.autograd.grad(total, sources, allow_unused=True))
    for closed, derived in zip(*results, strict=True):
        assert (closed is None) == (derived is None)
        if closed is not None and derived is not None:
            assert error_ratio(derived, closed) < 1e-11


@pytest.mark.filterwarnings("ignore:`torch.jit.script`")  # torch's own, in its forward mode
def test_a_graph_derives_in_forward_mode() -> None:
    loss = built("inner_loss", "ln_reconstruction")
    z, keys, values = drawn(3)

    def slope(z: Tensor) -> Tensor:
        return InnerLoss.gradient(loss, z, keys, values)

    compiled = torch.compile(slope, backend="eager", fullgraph=True)
    assert error_ratio(compiled(z), slope(z)) < 1e-12
