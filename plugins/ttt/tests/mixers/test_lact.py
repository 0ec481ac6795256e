"""LaCT against a transcription of its specification: apply, then update, chunk by chunk.

One sequence and one head at a time; the inner gradient is autograd's of -<f(k), v>, and matrices
are the published ones, with an output a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.model import Mixer
from seqzoo.operators import Stream
from seqzoo.testing import MIXER_CHECKS, MixerCase, error_ratio

from ..measuring import in_pieces, measured

REGISTRY = seqzoo.load_registry()
WIDTH, HEADS, NEAR_HEADS, CHUNK, WINDOW = 16, 2, 4, 4, 3
SIZE, NEAR = WIDTH // HEADS, WIDTH // NEAR_HEADS
NEWTON_SCHULZ = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)


def layer(*, rotary: bool = False, **options: Any) -> Mixer:
    torch.manual_seed(0)
    attention: dict[str, Any] = {"heads": NEAR_HEADS, "window": WINDOW}
    attention |= {} if rotary else {"rotary": None}
    spec = {"type": "lact", "heads": HEADS, "attention": attention, "chunk": CHUNK, **options}
    mixer = seqzoo.build_mixer(spec, WIDTH, REGISTRY).double()
    with torch.no_grad():
        for name, parameter in mixer.named_parameters():
            strength = 1.0 if name.endswith(("rates.weight", "rates.bias")) else 0.3
            parameter.add_(strength * torch.randn_like(parameter))
        mixer.get_parameter("rule.optimizer.rates.bias").add_(3.0)  # so that weights move visibly
    return mixer


def turned(x: Tensor, place: int) -> Tensor:
    """Features i and i + d/2 of each attention head, by the angle place / 500000^(2i/d)."""
    out, half = x.clone(), NEAR // 2
    for first in range(0, len(x), NEAR):
        for i in range(half):
            angle = place * 500_000.0 ** -(i / half)
            cos, sin = math.cos(angle), math.sin(angle)
            a, b = x[first + i], x[first + i + half]
            out[first + i] = a * cos - b * sin
            out[first + i + half] = b * cos + a * sin
    return out


def still(x: Tensor, place: int) -> Tensor:
    return x


def orthogonal(x: Tensor) -> Tensor:
    x = x / (x.square().sum().sqrt() + 1e-7)
    for a, b, c in NEWTON_SCHULZ:
        square = x @ x.T
        x = a * x + b * square @ x + c * square @ square @ x
    return x


def fast(weights: list[Tensor], x: Tensor) -> Tensor:
    gate, down, up = weights
    return down @ (F.silu(gate @ x) * (up @ x))


def literal(
    mixer: Mixer, x: Tensor, options: dict[str, Any], turn: Callable[[Tensor, int], Tensor] = still
) -> Tensor:
    """x (B, T, D) -> y (B, T, D)."""
    p: dict[str, Tensor] = dict(mixer.named_parameters())
    outputs = []
    for sequence in x:
        q, k, v = (sequence @ p["attention.qkv.weight"].T).split(WIDTH, dim=-1)
        q = F.rms_norm(q, (WIDTH,), p["query_norm.weight"], 1e-5)
        k = F.rms_norm(k, (WIDTH,), p["key_norm.weight"], 1e-5)
        near = attention(q, k, v, turn)
        rows = [
            [turn(prepared(a), t) for t, a in enumerate(each * p["scale"][n] + p["offset"][n])]
            for n, each in enumerate((q, k))
        ]
        queries, keys = (torch.stack(each) for each in rows)
        values = F.silu(v)
        reads = [head(p, h, sequence, queries, keys, values, options) for h in range(HEADS)]
        outputs.append((near + torch.cat(reads, -1)) @ p["attention.project.weight"].T)
    return torch.stack(outputs)


def prepared(row: Tensor) -> Tensor:
    heads = F.silu(row).view(HEADS, SIZE)
    return torch.cat([each / (each.norm() + 1e-5) for each in heads])


def attention(q: Tensor, k: Tensor, v: Tensor, turn: Callable[[Tensor, int], Tensor]) -> Tensor:
    rows = []
    for t in range(len(q)):
        read = []
        for h in range(NEAR_HEADS):
            own = slice(h * NEAR, (h + 1) * NEAR)
            seen = range(max(0, t - WINDOW + 1), t + 1)
            query = turn(q[t], t)[own]
            scores = torch.stack([query @ turn(k[s], s)[own] for s in seen]) / NEAR**0.5
            read.append(sum(a * v[s, own] for a, s in zip(scores.softmax(0), seen, strict=True)))
        rows.append(torch.cat(read))
    return torch.stack(rows)


def head(
    p: dict[str, Tensor],
    h: int,
    sequence: Tensor,
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    options: dict[str, Any],
) -> Tensor:
    """The fast weights of one head, normed and scaled, (T, d)."""
    own = slice(h * SIZE, (h + 1) * SIZE)
    names = ("gate", "down", "up")
    weights = [matrix(p, f"rule.memory.layers.{name}", h) for name in names]
    lengths = [w.norm(dim=1, keepdim=True) for w in weights]
    rows = {"gate": h, "up": HEADS + h, "down": 2 * HEADS + h}
    speed = [torch.zeros_like(w) for w in weights]
    reads: list[Tensor] = []
    for begin in range(0, len(sequence), CHUNK):
        chunk = range(begin, min(begin + CHUNK, len(sequence)))
        reads += [fast(weights, queries[t, own]) for t in chunk]
        if len(chunk) < CHUNK:
            break
        step = [torch.zeros_like(w) for w in weights]
        for t in chunk:
            loss = -(fast(weights, keys[t, own]) @ values[t, own])
            slopes = torch.autograd.grad(loss, weights, create_graph=True)
            for n, (name, slope) in enumerate(zip(names, slopes, strict=True)):
                logit = sequence[t] @ p["rule.optimizer.rates.weight"][rows[name]]
                logit = logit + p["rule.optimizer.rates.bias"][rows[name]]
                rate = F.softplus(logit + math.log(math.expm1(1e-3)))
                step[n] = step[n] - rate * slope
        if options.get("momentum"):
            w, b = p["rule.optimizer.strength.weight"][h], p["rule.optimizer.strength.bias"][h]
            kept = torch.stack([(sequence[t] @ w + b).sigmoid() for t in chunk]).mean()
            step = [new + kept * old for new, old in zip(step, speed, strict=True)]
            speed = step
        if options.get("orthogonal"):
            step = [orthogonal(each) for each in step]
        weights = [w + each for w, each in zip(weights, step, strict=True)]
        if options.get("renormalise", True):
            weights = [
                w / (w.norm(dim=1, keepdim=True) + 1e-5) * length
                for w, length in zip(weights, lengths, strict=True)
            ]
    normed = F.rms_norm(torch.stack(reads), (SIZE,), p["read_norm.weight"], 1e-5)
    scale = F.silu(sequence @ p["read_scale.weight"][h] + p["read_scale.bias"][h])
    return normed * scale.unsqueeze(-1)


def matrix(p: dict[str, Tensor], name: str, h: int) -> Tensor:
    """An initial matrix, (out, in)."""
    if f"{name}.weight" in p:
        return p[f"{name}.weight"][h].T
    product = (p[f"{name}.first"][h] @ p[f"{name}.second"][h]).T
    return product + 0.5 * torch.eye(*product.shape, dtype=product.dtype)


def inputs(length: int) -> Tensor:
    generator = torch.Generator().manual_seed(length)
    return torch.randn(2, length, WIDTH, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"renormalise": False, "momentum": True},
        {"momentum": True, "orthogonal": True},
        {"rule": {"memory": {"rank": 3}}},
    ],
    ids=["plain", "momentum", "muon", "rank"],
)
def test_chunks_and_single_tokens_are_the_specification(options: dict[str, Any]) -> None:
    """Outputs, and gradients through the inner gradients, for a last chunk that is short."""
    mixer, x = layer(**options), inputs(11)
    expected = measured(mixer, x, lambda x: literal(mixer, x, options))
    forms = (lambda x: mixer(x)[0], lambda x: in_pieces(mixer, x, list(range(1, 11))))
    for form in forms:
        for mine, right in zip(measured(mixer, x, form), expected, strict=True):
            assert error_ratio(mine, right) < 1e-9


def test_pieces_and_documents_are_the_specification() -> None:
    options = {"momentum": True}
    mixer, x = layer(**options), inputs(13)[:1]
    assert error_ratio(in_pieces(mixer, x, [3, 5, 9]), literal(mixer, x, options)) < 1e-9
    bounds = [0, 6, 6, 13]
    alone = [literal(mixer, x[:, a:b], options) for a, b in pairwise(bounds) if a < b]
    packed = mixer(x, cu_seqlens=torch.tensor(bounds))[0]
    assert error_ratio(packed, torch.cat(alone, 1)) < 1e-9


def test_both_are_turned_by_position() -> None:
    """To the rounding of the angles, which are float32."""
    mixer, x = layer(rotary=True), inputs(11)
    expected = literal(mixer, x, {}, turned)
    assert error_ratio(mixer(x)[0], expected) < 1e-6
    assert error_ratio(in_pieces(mixer, x, [5]), expected) < 1e-6
    assert error_ratio(literal(mixer, x, {}), expected) > 1e-2


def test_tokens_of_a_chunk_read_what_the_chunk_before_left() -> None:
    """The rule alone: a value changes reads from the next chunk on, and none before."""
    mixer, x = layer(), inputs(8)
    rule: Any = mixer.get_submodule("rule")
    q, k, v = torch.randn(3, 1, 8, HEADS, SIZE, dtype=torch.float64)
    before = rule(q, k, v, x[:1], Stream(1))
    v[:, 1] += 1.0
    after = rule(q, k, v, x[:1], Stream(1))
    changed = (before != after).flatten(2).any(-1)[0].tolist()
    assert changed == [False] * CHUNK + [True] * CHUNK


def test_what_shares_no_projection_is_refused_in_words() -> None:
    for attention in ({"gate": "silu"}, {"key_heads": 1, "heads": 2}, {"norm": "rms_norm"}):
        spec = {"type": "lact", "attention": attention}
        with pytest.raises(SpecError, match="leave key_heads, anchor, gate and norm out"):
            seqzoo.build_mixer(spec, 32, REGISTRY)
    with pytest.raises(SpecError, match="its attention is of type attention"):
        seqzoo.build_mixer({"type": "attention_and_rule", "attention": "ttt-linear"}, 32, REGISTRY)


def test_defaults_are_the_published_sizes() -> None:
    spec = REGISTRY.spec("mixer", "lact").model_dump(context={"complete": True})
    assert (spec["heads"], spec["attention"]["window"]) == (4, 2048)
    assert spec["rule"]["memory"] == {
        "type": "swiglu",
        "ratio": 1.0,
        "rank": None,
        "residual": False,
    }


@pytest.mark.parametrize(
    "check",
    [check for check in MIXER_CHECKS if "compile" not in check.__name__],  # as the preset's graph
    ids=lambda check: check.__name__,
)
def test_the_kit(check: Callable[[MixerCase], None]) -> None:
    spec = {"type": "lact", "chunk": 8, "window": 5, "momentum": True, "orthogonal": True}
    check(MixerCase(spec, REGISTRY))
