"""The Omega rule against its equations, token by token, gradients by autograd.

With a mini-batch of 1 it is the rule of the paper; longer ones take gradients at their first
weights.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.model import Mixer
from seqzoo.testing import error_ratio

from ..measuring import in_pieces, measured

REGISTRY = seqzoo.load_registry()
HEADS, WIDTH = 2, 16
SIZE = WIDTH // HEADS
MEMORIES: dict[str, dict[str, Any]] = {
    "linear": {"type": "linear", "bias": False},
    "swiglu": {"type": "swiglu", "residual": True},
    "mlp": {"type": "mlp", "ratio": 1},
    "residual_mlp": {"type": "residual_mlp", "ratio": 1},
}

WEIGHTS = {
    "linear": ("only.weight",),
    "swiglu": ("gate.weight", "up.weight", "down.weight"),
    "mlp": ("0.weight", "0.bias", "1.weight", "1.bias"),
    "residual_mlp": ("first.weight", "second.weight", "scale.scale"),
}


def layer(memory: str, **rule: Any) -> Mixer:
    torch.manual_seed(0)
    own = {"memory": MEMORIES[memory], "largest_rate": 0.5, **rule}
    mixer = seqzoo.build_mixer({"type": "atlas", "heads": HEADS, "rule": own}, WIDTH, REGISTRY)
    mixer = mixer.double()
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return mixer


def orthogonal(x: Tensor) -> Tensor:
    """Muon's five steps, on the smaller side."""
    if x.shape[0] > x.shape[1]:
        return orthogonal(x.T).T
    x = x / (x.square().sum().sqrt() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x - 4.7750 * square @ x + 2.0315 * square @ square @ x
    return x


def network(memory: str, weights: list[Tensor], row: Tensor) -> Tensor:
    if memory == "linear":
        return row @ weights[0]
    if memory == "swiglu":
        gate, up, down = weights
        return (F.silu(row @ gate) * (row @ up)) @ down + row[:SIZE]
    if memory == "mlp":
        hidden = F.gelu(row @ weights[0] + weights[1], approximate="tanh")
        return hidden @ weights[2] + weights[3]
    inner = F.gelu(row @ weights[0]) @ weights[1]
    return row + F.layer_norm(inner, (SIZE,)) * weights[2]


def literal(mixer: Mixer, x: Tensor, memory: str, rule: dict[str, Any]) -> Tensor:
    """x (B, T, D) -> y (B, T, D)."""
    p: dict[str, Tensor] = dict(mixer.named_parameters())
    names = [f"rule.memory.layers.{name}" for name in WEIGHTS[memory]]
    window, mini_batch = rule["window"], rule["mini_batch"]

    def phi(row: Tensor) -> Tensor:
        coefficients = p["rule.coefficients"]
        return torch.cat([coefficients[i] * row ** (i + 1) for i in range(len(coefficients))])

    outputs = []
    for sequence in x:
        heads = []
        for h in range(HEADS):
            own = slice(h * SIZE, (h + 1) * SIZE)
            q, k, v = (
                sequence @ p[f"{name}.project.weight"][own].T
                for name in ("queries", "key", "value")
            )
            q, k = (x / (x.square().sum(-1, keepdim=True) + 1e-12).sqrt() for x in (q, k))
            logits = sequence @ p["rule.numbers.weight"].T + p["rule.numbers.bias"]
            gamma, eta, alpha, theta = (
                logits[:, n * HEADS + h].sigmoid() if n < logits.shape[1] // HEADS else None
                for n in range(4)
            )
            assert gamma is not None
            assert eta is not None
            assert alpha is not None
            weights = [p[name][h] for name in names]
            speed = [torch.zeros_like(w) for w in weights]
            start, reads = weights, []
            for t in range(len(sequence)):
                if t % mini_batch == 0:
                    start = weights
                losses = [
                    gamma[i] * (network(memory, start, phi(k[i])) - v[i]).square().sum() / 2
                    for i in range(max(0, t - window + 1), t + 1)
                ]
                slopes = torch.autograd.grad(
                    sum(losses, torch.tensor(0.0)), start, create_graph=True
                )
                speed = [
                    slope if theta is None else theta[t] * s + slope
                    for s, slope in zip(speed, slopes, strict=True)
                ]
                steps = speed
                if rule.get("orthogonal", True):
                    steps = [orthogonal(s) if s.ndim == 2 else s for s in speed]
                weights = [
                    alpha[t] * w - 0.5 * eta[t] * step
                    for w, step in zip(weights, steps, strict=True)
                ]
                reads.append(network(memory, weights, phi(q[t])))
            gate = torch.sigmoid(sequence @ p["readout.gate.weight"][h])
            heads.append(gate.unsqueeze(-1) * torch.stack(reads))
        outputs.append(torch.cat(heads, -1) @ p["readout.project.weight"].T)
    return torch.stack(outputs)


def inputs(length: int) -> Tensor:
    generator = torch.Generator().manual_seed(length)
    return torch.randn(2, length, WIDTH, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    ("memory", "rule"),
    [
        ("linear", {"window": 3, "mini_batch": 1, "degree": 2, "orthogonal": False}),
        ("swiglu", {"window": 3, "mini_batch": 1, "degree": 2}),
        ("swiglu", {"window": 6, "mini_batch": 4, "degree": 2}),
        ("swiglu", {"window": 2, "mini_batch": 4, "degree": 1, "momentum": False}),
        ("mlp", {"window": 1, "mini_batch": 4, "degree": 2, "orthogonal": False}),
        ("mlp", {"window": 3, "mini_batch": 4, "degree": 1}),
        ("residual_mlp", {"window": 3, "mini_batch": 4, "degree": 1, "orthogonal": False}),
        ("residual_mlp", {"window": 3, "mini_batch": 4, "degree": 1}),
        (
            "swiglu",
            {
                "window": 3,
                "mini_batch": 4,
                "degree": 2,
                "momentum": False,
                "orthogonal": False,
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_parallel_and_token_by_token_are_the_equations(memory: str, rule: dict[str, Any]) -> None:
    mixer, x = layer(memory, **rule), inputs(10)
    expected = measured(mixer, x, lambda x: literal(mixer, x, memory, rule))
    forms = (lambda x: mixer(x)[0], lambda x: in_pieces(mixer, x, list(range(1, 10))))
    for form in forms:
        for mine, right in zip(measured(mixer, x, form), expected, strict=True):
            assert error_ratio(mine, right) < 1e-9


@pytest.mark.parametrize("orthogonal", [True, False])
def test_pieces_and_documents_are_the_equations(orthogonal: bool) -> None:
    rule = {"window": 5, "mini_batch": 3, "degree": 2, "orthogonal": orthogonal}
    mixer, x = layer("swiglu", **rule), inputs(12)[:1]
    found = in_pieces(mixer, x, [2, 3, 7])
    assert error_ratio(found, literal(mixer, x, "swiglu", rule)) < 1e-9
    bounds = [0, 5, 5, 12]
    alone = [literal(mixer, x[:, a:b], "swiglu", rule) for a, b in pairwise(bounds) if a < b]
    packed = mixer(x, cu_seqlens=torch.tensor(bounds))[0]
    assert error_ratio(packed, torch.cat(alone, 1)) < 1e-9


@pytest.mark.parametrize("orthogonal", [True, False])
def test_a_nan_reaches_later_tokens_and_no_earlier_one(orthogonal: bool) -> None:
    mixer = layer("swiglu", window=3, mini_batch=4, degree=2, orthogonal=orthogonal)
    x = inputs(10)
    clean = mixer(x)[0]
    x[0, 6] = torch.nan
    y = mixer(x)[0]
    assert torch.equal(y[0, :6], clean[0, :6])
    assert torch.equal(y[1], clean[1])
    assert bool(y[0, 6:].isnan().all())


def test_a_step_goes_down_the_loss() -> None:
    """Descent: after a step on one pair the memory is nearer to its value."""
    mixer: Any = layer("linear", window=1, mini_batch=1, degree=1, orthogonal=False)
    rule = mixer.rule
    state = rule.start(1, torch.zeros(1, dtype=torch.float64))
    pair = {name: torch.randn(1, HEADS, SIZE, dtype=torch.float64) for name in ("keys", "values")}
    pair["queries"] = pair["keys"] = F.normalize(pair["keys"], dim=-1)
    ones = torch.ones(1, HEADS, dtype=torch.float64)
    token = {**pair, "gates": ones, "rates": 0.1 * ones, "keep": 99 * ones, "momentum": 0 * ones}
    errors = []
    for _ in range(3):
        state, read = rule.step(state, token)
        errors.append((read - pair["values"]).norm().item())
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch's own
@pytest.mark.parametrize("orthogonal", [True, False])
def test_a_compiled_mini_batch_gives_the_same(
    orthogonal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a backend that is quick to compile; a whole mini-batch and a part of one."""
    compiled: list[Any] = []

    def compile_(function: Any, **options: Any) -> Any:
        compiled.append(function)
        return real(function, backend="aot_eager", **options)

    real = torch.compile
    monkeypatch.setattr(torch, "compile", compile_)
    rule = {"window": 3, "mini_batch": 4, "degree": 2, "orthogonal": orthogonal}
    x = inputs(7)
    eager, mixer = layer("swiglu", **rule), layer("swiglu", compile=True, **rule)
    torch.compiler.reset()
    found = measured(mixer, x, lambda x: mixer(x)[0])
    assert compiled
    for mine, right in zip(found, measured(eager, x, lambda x: eager(x)[0]), strict=True):
        assert error_ratio(mine, right) < 1e-12


def test_a_residual_of_too_few_features_is_refused() -> None:
    rule = {"memory": {"type": "swiglu", "residual": True}}
    spec = {"type": "serial", "heads": 2, "key_size": 4, "rule": {"type": "ttt", **rule}}
    with pytest.raises(SpecError, match="make key_size as large"):
        seqzoo.build_mixer(spec, WIDTH, REGISTRY)
