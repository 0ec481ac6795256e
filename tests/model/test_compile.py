"""In one graph without a break, models give the eager numbers: logits, gradients, steps.

Of every mixer by itself the conformance kit says so.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.model import LanguageModel, build_model
from seqzoo.testing import error_ratio, mixer_case

REGISTRY = seqzoo.load_registry()
VOCAB_SIZE = 11
HYBRID = [{"repeat": 1, "mixer": "prism"}, {"mixer": {"type": "attention", "window": 4}}]
DOCUMENTS = torch.tensor([0, 3, 3, 10, 24])  # of a batch of 2 x 12 tokens


@pytest.fixture(autouse=True)
def no_earlier_graphs():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def make_model(layers: Any = HYBRID, **changes: Any) -> LanguageModel:
    torch.manual_seed(0)
    spec = {"width": 16, "layers": layers, "mlp": {"ratio": 2}, **changes}
    return build_model(spec, REGISTRY, vocab_size=VOCAB_SIZE).double()


def tokens(length: int = 12) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(VOCAB_SIZE, (2, length), generator=generator)


def results(model: LanguageModel, call: Any, *arguments: Any) -> list[Tensor]:
    logits = call(*arguments)
    generator = torch.Generator().manual_seed(2)
    weights = torch.randn(logits.shape, generator=generator, dtype=torch.float64)
    loss = (logits * weights.to(logits.dtype)).sum()
    return [logits, *torch.autograd.grad(loss, list(model.parameters()))]


def assert_same(found: list[Tensor], expected: list[Tensor], most: float = 1e-10) -> None:
    for one, other in zip(found, expected, strict=True):
        assert error_ratio(one, other) < most


@pytest.mark.parametrize("documents", [None, DOCUMENTS], ids=["whole", "documents"])
def test_a_model_of_both_kinds_of_layers(documents: Tensor | None) -> None:
    model = make_model()

    def logits(tokens: Tensor, cu_seqlens: Tensor | None) -> Tensor:
        return model.logits(model.hidden(tokens, cu_seqlens=cu_seqlens)[0])

    compiled = torch.compile(logits, backend="aot_eager", fullgraph=True)
    arguments = (tokens(), documents)
    assert_same(results(model, compiled, *arguments), results(model, logits, *arguments))


def test_a_carried_state_and_its_gradient() -> None:
    model = make_model()

    def logits(tokens: Tensor) -> Tensor:
        first, state = model(tokens[:, :5])
        return torch.cat([first, model(tokens[:, 5:], state)[0]], dim=1)

    compiled = torch.compile(logits, backend="aot_eager", fullgraph=True)
    assert_same(results(model, compiled, tokens()), results(model, logits, tokens()))


def test_blocks_that_are_computed_again() -> None:
    model = make_model()
    compiled = torch.compile(lambda t: model(t)[0], backend="aot_eager", fullgraph=True)
    expected = results(model, lambda t: model(t)[0], tokens())
    for block in model.blocks:
        vars(block)["recompute"] = True
    assert_same(results(model, compiled, tokens()), expected)


@pytest.mark.parametrize("documents", [False, True], ids=["whole", "documents"])
def test_one_graph_serves_every_length(documents: bool) -> None:
    model = make_model()
    graphs = 0

    def count(graph: torch.fx.GraphModule, _: Any) -> Any:
        nonlocal graphs
        graphs += 1
        return graph

    def logits(tokens: Tensor, cu_seqlens: Tensor | None) -> Tensor:
        return model.logits(model.hidden(tokens, cu_seqlens=cu_seqlens)[0])

    compiled = torch.compile(logits, backend=count, fullgraph=True, dynamic=True)
    for length in (12, 7, 40):
        bounds = torch.tensor([0, 5, length, 2 * length]) if documents else None
        arguments = (tokens(length), bounds)
        assert_same(results(model, compiled, *arguments), results(model, logits, *arguments))
    assert graphs == 1


@pytest.mark.skipif(
    shutil.which("g++") is None and shutil.which("clang++") is None,
    reason="inductor on a CPU needs a C++ compiler: install g++, or clang++",
)
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # of torch's own import
def test_inductor_makes_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))  # or earlier code is taken
    model = make_model([{"mixer": "prism"}], mlp=None).float()  # each kernel takes a second

    def logits(tokens: Tensor) -> Tensor:
        return model(tokens)[0]

    compiled = torch.compile(logits, fullgraph=True)
    expected = results(model, logits, tokens())
    assert_same(results(model, compiled, tokens()), expected, 1e-5)


@pytest.mark.parametrize("name", ["prism", "gated_deltanet", "attention"])
def test_a_step_in_one_graph(name: str) -> None:
    case = mixer_case(name, REGISTRY)
    mixer, x = case.build(), case.inputs()
    with torch.no_grad():
        _, state = mixer(x[:, :-1])
        expected, _ = mixer.step(x[:, -1], state)
        compiled = torch.compile(mixer.step, backend="aot_eager", fullgraph=True)
        found, _ = compiled(x[:, -1], state)
    assert error_ratio(found, expected) < 1e-10


@pytest.mark.parametrize("name", ["prism", "gla"])
def test_a_token_that_is_not_finite_reaches_none_before_it(name: str) -> None:
    case = mixer_case({"type": name, "scan": "chunked"}, REGISTRY)
    mixer, x = case.build(), case.inputs()
    clean = mixer(x)[0]
    broken = x.clone()
    broken[0, 20] = torch.nan
    compiled = torch.compile(lambda x: mixer(x)[0], backend="aot_eager", fullgraph=True)
    found = compiled(broken)
    assert error_ratio(found[0, :20], clean[0, :20]) < 1e-10
    assert error_ratio(found[1], clean[1]) < 1e-10
    assert bool(found[0, 20:].isnan().all(-1).all())
