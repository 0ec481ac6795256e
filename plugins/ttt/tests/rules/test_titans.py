"""Titans against the update of the paper, token by token, gradients by autograd.

One sequence and one head at a time. With a chunk and a segment of 1 it is the paper's rule as it
stands; longer ones follow the description of the public implementation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.model import Mixer
from seqzoo.testing import MIXER_CHECKS, MixerCase, error_ratio

from ..measuring import in_pieces, measured

REGISTRY = seqzoo.load_registry()
HEADS, WIDTH = 2, 16
SIZE = WIDTH // HEADS
PRESETS = pytest.mark.parametrize("preset", ["titans", "titans-linear"])


def layer(preset: str, chunk: int, segment: int | None, **optimizer: Any) -> Mixer:
    torch.manual_seed(0)
    own = {"chunk": chunk, "largest_rate": 0.6, **optimizer}
    rule = {"mini_batch": segment, "optimizer": own}
    spec = {"type": preset, "heads": HEADS, "rule": rule}
    mixer = seqzoo.build_mixer(spec, WIDTH, REGISTRY).double()
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return mixer


def literal(mixer: Mixer, x: Tensor, chunk: int, segment: int | None) -> Tensor:
    """x (B, T, D) -> y (B, T, D), by the specification."""
    p: dict[str, Tensor] = dict(mixer.named_parameters())
    linear = "rule.memory.layers.only.weight" in p
    names = ["only.weight"] if linear else ["first.weight", "second.weight", "scale.scale"]
    numbers = [name for name in ("rates", "momentum", "forgetting") if name in kinds(mixer)]

    def memory(weights: list[Tensor], row: Tensor) -> Tensor:
        if linear:
            return row @ weights[0]
        inner = F.gelu(row @ weights[0]) @ weights[1]
        return row + F.layer_norm(inner, (SIZE,)) * weights[2]

    outputs = []
    for sequence in x:
        heads = []
        for h in range(HEADS):
            own = slice(h * SIZE, (h + 1) * SIZE)
            q, k, v = (
                sequence @ p[f"{name}.project.weight"][own].T
                for name in ("queries", "key", "value")
            )
            q = F.rms_norm(q, (SIZE,), p["queries.norm.weight"], 1e-5)
            k = F.rms_norm(k, (SIZE,), p["key.norm.weight"], 1e-5)
            rows = [numbers.index(name) * HEADS + h for name in numbers]
            made = {
                name: sequence @ p["rule.optimizer.numbers.weight"][row]
                + p["rule.optimizer.numbers.bias"][row]
                for name, row in zip(numbers, rows, strict=True)
            }
            weights = [p[f"rule.memory.layers.{name}"][h] for name in names]
            start, speed = weights, [torch.zeros_like(w) for w in weights]
            reads, pending = [], []
            for t in range(len(sequence)):
                if segment is not None and t % segment == 0:
                    start = weights
                loss = (memory(start, k[t]) - v[t]).square().mean()
                slopes = torch.autograd.grad(loss, start, create_graph=True)
                theta = 0.6 * made["rates"][t].sigmoid()
                pending.append([theta * slope for slope in slopes])
                if len(pending) == chunk:
                    now = slice(t - chunk + 1, t + 1)
                    eta, alpha = (
                        made[name][now].mean().sigmoid() if name in made else torch.tensor(0.0)
                        for name in ("momentum", "forgetting")
                    )
                    surprise = [-sum(each) for each in zip(*pending, strict=True)]
                    speed = [eta * s + new for s, new in zip(speed, surprise, strict=True)]
                    weights = [(1 - alpha) * w + s for w, s in zip(weights, speed, strict=True)]
                    pending = []
                reads.append(memory(weights, q[t]))
            gate = torch.sigmoid(sequence @ p["readout.gate.weight"][h])
            heads.append(gate.unsqueeze(-1) * torch.stack(reads))
        outputs.append(torch.cat(heads, -1) @ p["readout.project.weight"].T)
    return torch.stack(outputs)


def kinds(mixer: Mixer) -> list[str]:
    optimizer: Any = mixer.get_submodule("rule.optimizer")
    return optimizer.names


def inputs(length: int, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(length)
    return torch.randn(batch, length, WIDTH, generator=generator, dtype=torch.float64)


@PRESETS
@pytest.mark.parametrize(("chunk", "segment"), [(1, 1), (2, 4), (3, 6), (2, None)])
def test_parallel_and_token_by_token_are_the_specification(
    preset: str, chunk: int, segment: int | None
) -> None:
    mixer, x = layer(preset, chunk, segment), inputs(11)
    expected = measured(mixer, x, lambda x: literal(mixer, x, chunk, segment))
    forms = (lambda x: mixer(x)[0], lambda x: in_pieces(mixer, x, list(range(1, 11))))
    for form in forms:
        for mine, right in zip(measured(mixer, x, form), expected, strict=True):
            assert error_ratio(mine, right) < 1e-9


@pytest.mark.parametrize("cuts", [[4], [3, 5], [2, 4, 7]])
def test_pieces_are_the_specification(cuts: list[int]) -> None:
    mixer, x = layer("titans", 2, 4), inputs(11)
    assert error_ratio(in_pieces(mixer, x, cuts), literal(mixer, x, 2, 4)) < 1e-9


@pytest.mark.parametrize("without", ["momentum", "forgetting"])
def test_without_momentum_or_forgetting(without: str) -> None:
    mixer, x = layer("titans", 2, 4, **{without: False}), inputs(11)
    expected = measured(mixer, x, lambda x: literal(mixer, x, 2, 4))
    for form in (lambda x: mixer(x)[0], lambda x: in_pieces(mixer, x, [1, 2, 3, 5])):
        for mine, right in zip(measured(mixer, x, form), expected, strict=True):
            assert error_ratio(mine, right) < 1e-9


def test_a_segment_of_broken_chunks_is_refused() -> None:
    with pytest.raises(SpecError, match="a mini_batch of 6 is not a multiple of its chunk of 4"):
        seqzoo.build_mixer({"type": "titans", "segment": 6, "chunk": 4}, 32, REGISTRY)
    with pytest.raises(SpecError, match="give mini_batch"):
        seqzoo.build_mixer({"type": "ttt-linear", "mini_batch": None}, 32, REGISTRY)


def test_a_residual_of_another_size_is_refused() -> None:
    with pytest.raises(SpecError, match="have 4 and 8 features: make them equal"):
        seqzoo.build_mixer({"type": "titans", "heads": 2, "key_size": 4}, WIDTH, REGISTRY)


@pytest.mark.parametrize(
    "check",
    [check for check in MIXER_CHECKS if "compile" not in check.__name__],  # as the rule's graph
    ids=lambda check: check.__name__,
)
@PRESETS
def test_the_kit(preset: str, check: Callable[[MixerCase], None]) -> None:
    check(MixerCase({"type": preset, "segment": 16, "chunk": 4}, REGISTRY))
