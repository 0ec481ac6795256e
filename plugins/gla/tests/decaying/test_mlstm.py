"""mLSTM against its recurrence, written out token by token."""

from functools import partial

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.errors import SpecError

from .transcription import Weights, agrees

REGISTRY = seqzoo.load_registry()
WIDTH, HEADS, K, V = 16, 2, 4, 8


def written_out(weights: Weights, name: str, reads: list[Tensor], x: Tensor) -> Tensor:
    """W_o (w * LayerNorm_head(h) * sigmoid(W_g x))."""
    h = torch.stack(reads)  # (H, V)
    centred = h - h.mean(-1, keepdim=True)
    normed = centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
    gate = torch.sigmoid(weights[f"{name}.gate.weight"] @ x)
    y = weights[f"{name}.weight"] * normed.flatten() * gate
    return weights[f"{name}.project.weight"] @ y


def projected(weights: Weights, x: Tensor) -> list[Tensor]:
    names = ("queries", "injection.key", "injection.value")
    return [(x @ weights[f"{name}.project.weight"].T).view(len(x), HEADS, -1) for name in names]


def mlstm(weights: Weights, x: Tensor, cap: float | None = 15.0) -> Tensor:
    q, k, v = projected(weights, x)

    def gate(name: str) -> Tensor:
        raw = x @ weights[f"injection.{name}.weight"].T + weights[f"injection.{name}.bias"]
        return raw if cap is None else cap * torch.tanh(raw / cap)

    i, f = gate("input_gate"), gate("forget_gate")
    state = [torch.zeros(V, K, dtype=x.dtype) for _ in range(HEADS)]
    counts = [torch.zeros(K, dtype=x.dtype) for _ in range(HEADS)]
    maxima = [torch.zeros((), dtype=x.dtype) for _ in range(HEADS)]
    rows = []
    for t in range(len(x)):
        reads = []
        for h in range(HEADS):
            log_f = -torch.log1p(torch.exp(-f[t, h]))
            m = torch.maximum(log_f + maxima[h], i[t, h])
            kept, taken = torch.exp(log_f + maxima[h] - m), torch.exp(i[t, h] - m)
            state[h] = kept * state[h] + taken * torch.outer(v[t, h], k[t, h])
            counts[h] = kept * counts[h] + taken * k[t, h]
            maxima[h] = m
            query = q[t, h] / K**0.5
            total = torch.maximum((counts[h] @ query).abs(), torch.exp(-m)) + 1e-6
            reads.append(state[h] @ query / total)
        rows.append(written_out(weights, "readout.readout", reads, x[t]))
    return torch.stack(rows)


def mlstm_sigmoid(weights: Weights, x: Tensor) -> Tensor:
    q, k, v = projected(weights, x)
    gates = [
        torch.sigmoid(x @ weights[f"{name}.project.weight"].T + weights[f"{name}.project.bias"])
        for name in ("injection.strength", "forget")
    ]
    state = [torch.zeros(V, K, dtype=x.dtype) for _ in range(HEADS)]
    rows = []
    for t in range(len(x)):
        reads = []
        for h in range(HEADS):
            i, f = (gate[t, h] for gate in gates)
            state[h] = f * state[h] + i * torch.outer(v[t, h], k[t, h])
            reads.append(state[h] @ q[t, h] / K**0.5)
        rows.append(written_out(weights, "readout", reads, x[t]))
    return torch.stack(rows)


@pytest.mark.parametrize(("input_bias", "cap"), [(-10.0, 15.0), (0.0, 15.0), (2.0, None)])
def test_it_is_the_published_recurrence(input_bias: float, cap: float | None) -> None:
    """With the sum of weights above its least value, and below."""
    torch.manual_seed(0)
    gates = {"input_bias": input_bias, "soft_cap": cap, "forget_bias": [0.0, 2.0]}
    spec = {"type": "mlstm", "heads": HEADS, "injection": gates}
    agrees(seqzoo.build_mixer(spec, WIDTH, REGISTRY).double(), partial(mlstm, cap=cap))


def test_with_sigmoid_gates_it_is_the_published_recurrence() -> None:
    torch.manual_seed(0)
    spec = {"type": "mlstm_sigmoid", "heads": HEADS}
    agrees(seqzoo.build_mixer(spec, WIDTH, REGISTRY).double(), mlstm_sigmoid)


def test_gates_of_any_size_stay_finite() -> None:
    """exp(i) alone would be exp(900); the state is held divided by the largest."""
    torch.manual_seed(0)
    spec = {"type": "mlstm", "heads": HEADS, "injection": {"soft_cap": None}}
    mixer = seqzoo.build_mixer(spec, WIDTH, REGISTRY)
    with torch.no_grad():
        mixer.get_parameter("injection.input_gate.weight").normal_(std=100.0)
    x = torch.randn(1, 30, WIDTH, requires_grad=True)
    y, state = mixer(x)
    y.square().sum().backward()
    assert y.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert state["memory.state"].abs().max() < 100


def test_the_stabilised_readout_needs_the_maximum() -> None:
    spec = {"type": "recurrent", "injection": "counted", "readout": "stabilised"}
    with pytest.raises(SpecError, match="divide by plain sums with readout: normalised"):
        seqzoo.build_mixer(spec, WIDTH, REGISTRY)


def test_exponential_gates_keep_their_own_decay() -> None:
    written = {"type": "recurrent", "injection": "exponential_gates", "forget": "head_decay"}
    with pytest.raises(SpecError, match=r"use forget: tied, not 'head_decay'"):
        REGISTRY.spec("mixer", written)
