"""The scan sent to flash-linear-attention: which function, in which layout, and what is refused."""

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

import seqzoo
from seqzoo.errors import BackendError
from seqzoo.scan import Erase, Transition, Writes, scan, step
from seqzoo_gla.backends.fla import FlaBackend
from seqzoo_gla.backends.kernels import FUNCTIONS, Installed

_file = Path(__file__).with_name("stand_in.py")
_spec = importlib.util.spec_from_file_location("seqzoo_gla_fla_stand_in", _file)
assert _spec is not None
assert _spec.loader is not None
stand_in = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stand_in)

B, T, G, H, K, V = 2, 12, 2, 4, 6, 5
CASES = list(FUNCTIONS)


def problem(decay: str, erases: bool, batch: int = B, dtype: torch.dtype = torch.float32) -> Any:
    """queries, transition, writes, state."""
    generator = torch.Generator().manual_seed(3)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(batch, *shape, generator=generator).to(dtype)

    keys = F.normalize(draw(T, 1, G, K), dim=-1)
    strengths = draw(T, 1, H).sigmoid()
    log_decay = None
    if decay != "none":
        log_decay = F.logsigmoid(draw(T, H) if decay == "head" else draw(T, H, K))
    erase = Erase(strength=strengths[:, :, 0]) if erases else None
    writes = Writes(keys, draw(T, 1, H, V), strengths)
    return draw(T, G, K), Transition(log_decay, erase), writes, draw(H, V, K).float()


def supported(decay: str, erases: bool) -> torch.dtype:
    return torch.bfloat16 if FUNCTIONS[decay, erases].halves_only else torch.float32


@pytest.mark.parametrize(("decay", "erases"), CASES)
def test_the_function_and_its_layout(decay: str, erases: bool) -> None:
    dtype = supported(decay, erases)
    queries, transition, writes, state = problem(decay, erases, dtype=dtype)
    kernels = stand_in.StandIn()
    backend = FlaBackend(kernels)
    found = scan(queries, transition, writes, state, scale=0.3, backend=backend)
    expected = scan(queries, transition, writes, state, scale=0.3, backend="reference")
    tolerance: Any = {"rtol": 2e-2, "atol": 2e-2} if dtype == torch.bfloat16 else {}
    torch.testing.assert_close(found.outputs, expected.outputs, **tolerance)
    torch.testing.assert_close(found.state, expected.state, **tolerance)
    assert found.outputs.dtype == dtype
    ((name, arguments),) = kernels.calls
    function = FUNCTIONS[decay, erases]
    assert name == f"{function.package}.chunk_{function.name}"
    assert arguments["q"].shape == arguments["k"].shape == (B, T, H, K)
    assert arguments["initial_state"].shape == (B, H, K, V)
    assert ("g" in arguments) == (decay != "none")
    assert ("beta" in arguments) == erases


@pytest.mark.parametrize(("decay", "erases"), [case for case in CASES if case != ("none", True)])
def test_documents_tokens_and_gradients(decay: str, erases: bool) -> None:
    queries, transition, writes, _ = problem(decay, erases, batch=1)
    bounds = torch.tensor([0, 5, 12], dtype=torch.int32)
    kernels = stand_in.StandIn()
    backend = FlaBackend(kernels)
    queries.requires_grad_()
    results = [
        scan(queries, transition, writes, cu_seqlens=bounds, backend=each)
        for each in (backend, "reference")
    ]
    gradients = [torch.autograd.grad(each.outputs.square().sum(), queries) for each in results]
    torch.testing.assert_close(*results)
    torch.testing.assert_close(*gradients)
    first = [
        None if transition.log_decay is None else transition.log_decay[:, 0],
        writes.strengths[:, 0],
    ]
    erase = Erase(strength=first[1][:, 0]) if erases else None
    token = Writes(writes.keys[:, 0], writes.values[:, 0], first[1])
    for wanted, form in ((False, "fused_recurrent"), (True, "chunk")):
        q = queries.detach()[:, 0].requires_grad_(wanted)
        found = step(q, Transition(first[0], erase), token, backend=backend)
        expected = step(q, Transition(first[0], erase), token, backend="reference")
        torch.testing.assert_close(found, expected)
        name, arguments = kernels.calls[-1]
        assert form in name
        assert ("gk" in arguments) == ((decay, erases, wanted) == ("channel", False, False))


def test_what_is_refused_and_why() -> None:
    queries, transition, writes, state = problem("head", True)
    erase = transition.erase
    decay = transition.log_decay
    own = torch.rand(B, T, H)
    key = torch.randn(B, T, G, K)
    keys, values, strengths = writes.keys, writes.values, writes.strengths
    two = Writes(
        torch.cat([keys, keys], 2), torch.cat([values] * 2, 2), torch.cat([strengths] * 2, 2)
    )
    halves = Writes(writes.keys, writes.values, writes.strengths, steps=2)
    cases: dict[str, Any] = {
        "one write a token, and there are 2": (queries, transition, two),
        "one step a token, and there are 2": (queries[:, ::2], transition, halves),
        "writes and erases with one strength, and there are two": (
            queries,
            Transition(decay, Erase(strength=own)),
            writes,
        ),
        "erases along the write's key, not another one": (
            queries,
            Transition(decay, dataclasses.replace(erase, read=key)),
            writes,
        ),
        "decays before it erases": (
            queries,
            Transition(decay, dataclasses.replace(erase, before_decay=True)),
            writes,
        ),
        "takes float16 and bfloat16": (queries, Transition(None, erase), writes),
        "compute in float32": (queries.double(), transition, writes),
    }
    backend = FlaBackend(stand_in.StandIn())
    for reason, (q, transition_, writes_) in cases.items():
        with pytest.raises(BackendError, match=reason):
            scan(q, transition_, writes_, state, backend=backend)
    with pytest.raises(BackendError, match="do not read the state transposed"):
        values = torch.randn(B, T, H, V)
        scan(values, transition, writes, state, transposed_read=True, backend=backend)
    q, transition_, writes_, _ = problem("head", True, batch=1)
    with pytest.raises(BackendError, match="a token in every packed sequence"):
        scan(q, transition_, writes_, cu_seqlens=torch.tensor([0, 5, 5, 12]), backend=backend)


def test_a_layer_on_a_cpu_is_told_so_and_nothing_else_computes() -> None:
    mixer = seqzoo.build_mixer({"type": "gated_deltanet", "scan": "fla"}, 32)
    for length in (8, 1):
        with pytest.raises(BackendError, match="run on GPUs, and the tensors are on the CPU"):
            mixer(torch.randn(1, length, 32))
    part: Any = seqzoo.load_registry().spec("scan", "fla").build()
    with pytest.raises(BackendError, match="'fla' has no element-wise scan"):
        part.elementwise(-torch.rand(1, 4, 2), torch.rand(1, 4, 2))


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    refusal = Installed().refusal(torch.device("cuda"))
    assert refusal == "flash-linear-attention is not installed: pip install 'seqzoo-gla[fla]'"


@pytest.mark.parametrize("name", ["gla", "retnet", "gated_deltanet", "kda"])
def test_whole_layers_through_the_stand_in(name: str) -> None:
    torch.manual_seed(0)
    mixer = seqzoo.build_mixer(name, 32)
    x = torch.randn(2, 10, 32)
    expected, _ = mixer(x)
    memory: Any = mixer.get_submodule("memory")
    memory.scan.backend = FlaBackend(stand_in.StandIn())
    torch.testing.assert_close(mixer(x)[0], expected)
