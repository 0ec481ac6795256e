"""torch.compile(fullgraph=True): a model's training, and its decoding, one graph for all steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

import seqzoo
from seqzoo.model import build_model
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry()
WIDTH = 16
PSM = {"type": "transformer_psm", "chunk": 4, "capacity": 31}  # 7 chunks


@pytest.fixture(autouse=True)
def no_earlier_graphs():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def layer(spec: Any) -> Any:
    torch.manual_seed(0)
    return seqzoo.build_mixer(spec, WIDTH, REGISTRY).double().eval()


def inputs(length: int, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(length)
    return torch.randn(batch, length, WIDTH, generator=generator, dtype=torch.float64)


class Counted:
    """A backend that runs graphs as they are and counts them."""

    def __init__(self) -> None:
        self.graphs = 0

    def __call__(self, graph: torch.fx.GraphModule, _: Any) -> Any:
        self.graphs += 1
        return graph


@pytest.mark.parametrize(
    "spec",
    [
        PSM,
        {"type": "affine_psm", "chunk": 4, "action": "householder"},
        {"type": "prefix", "chunk": 3, "capacity": 30},
    ],
    ids=lambda spec: spec["type"],
)
def test_one_graph_decodes_every_token(spec: dict[str, Any]) -> None:
    """From the first token, and after a prefill of every length to 9."""
    mixer, x, backend = layer(spec), inputs(30), Counted()
    step = torch.compile(mixer.step, backend=backend, fullgraph=True)
    with torch.no_grad():
        expected, _ = mixer(x)
        for prefilled in range(10):
            _, state = mixer(x[:, :prefilled])
            for t in range(prefilled, 30 if prefilled == 0 else prefilled + 5):
                y, state = step(x[:, t], state)
                assert error_ratio(y, expected[:, t]) < 1e-12
    assert backend.graphs == 1


def test_a_graph_decodes_rows_that_have_seen_unequal_numbers_of_tokens() -> None:
    mixer, x = layer(PSM), inputs(30)
    step = torch.compile(mixer.step, backend=Counted(), fullgraph=True)
    with torch.no_grad():
        _, state = mixer(x[:1, :18], cu_seqlens=torch.tensor([0, 5, 18]))
        eager = state
        for t in range(8):
            y, state = step(x[:, t], state)
            z, eager = mixer.step(x[:, t], eager)
            assert error_ratio(y, z) < 1e-12
    assert state["seen"].tolist() == [13, 21]


def test_the_state_has_room_for_its_capacity_from_the_start() -> None:
    mixer, x = layer(PSM), inputs(40)
    shapes = set()
    for length in (0, 3, 4, 28, 31):
        _, state = mixer(x[:, :length])
        shapes.add(tuple(leaf.shape for leaf in pytree.tree_leaves(state)))
    assert len(shapes) == 1
    assert mixer.state_size(0) == mixer.state_size(31) < mixer.state_size(40)
    with torch.no_grad():  # without a graph it grows beyond
        whole, _ = mixer(x)
        _, state = mixer(x[:, :31])
        assert error_ratio(mixer(x[:, 31:], state)[0], whole[:, 31:]) < 1e-12


def test_a_graph_refuses_a_chunk_beyond_its_room() -> None:
    mixer, x = layer(PSM), inputs(40)
    step = torch.compile(mixer.step, backend=Counted(), fullgraph=True)
    with torch.no_grad():
        _, state = mixer(x[:, :31])
        with pytest.raises(RuntimeError, match=r"room for 7 complete chunks.*`capacity`"):
            step(x[:, 31], state)


def test_a_model_trains_in_one_graph() -> None:
    """Logits and the gradient of every parameter, a ragged last chunk too."""
    torch.manual_seed(0)
    spec = {"width": WIDTH, "layers": 1, "mixer": PSM, "mlp": None}
    model = build_model(spec, REGISTRY, vocab_size=7).double()
    tokens = torch.randint(7, (2, 11), generator=torch.Generator().manual_seed(1))

    def loss(tokens: Tensor) -> Tensor:
        logits, _ = model(tokens[:, :-1])
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    parameters = list(model.parameters())
    found, expected = (
        torch.autograd.grad(function(tokens), parameters, allow_unused=True)
        for function in (compiled, loss)
    )
    for mine, right in zip(found, expected, strict=True):
        if right is not None and float(right.abs().max()) > 1e-12:  # a key's bias has none
            assert error_ratio(mine, right) < 1e-10


def test_a_model_decodes_in_one_graph() -> None:
    torch.manual_seed(0)
    spec = {"width": WIDTH, "layers": 1, "mixer": PSM}
    model = build_model(spec, REGISTRY, vocab_size=7).double().eval()
    tokens = torch.randint(7, (2, 13), generator=torch.Generator().manual_seed(1))
    backend = Counted()
    step = torch.compile(model.step, backend=backend, fullgraph=True)
    with torch.no_grad():
        expected, _ = model(tokens)
        state = model.initial_state(2)
        for t in range(13):
            logits, state = step(tokens[:, t], state)
            assert error_ratio(logits, expected[:, t]) < 1e-12
    assert backend.graphs == 1
