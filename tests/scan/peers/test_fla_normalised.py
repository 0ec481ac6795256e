"""Layers that divide by a sum of weights, or take a softmax between two scans, against fla's."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.operators import Stream
from seqzoo.scan import ScanResult, Transition, Writes, elementwise_scan, scan
from seqzoo_gla.elementwise.log_sum import RunningLogSumExp

from .comparison import B, D, H, Inputs, T, compare, draw, one
from .naive import imported


def weighted_mean(q: Tensor, k: Tensor, v: Tensor, scale: float, epsilon: float) -> ScanResult:
    """The sum of weights is one more row of the state."""
    values = torch.cat([v, torch.ones_like(v[..., :1])], -1)
    reads, _ = scan(q, Transition(), Writes(one(k), one(values)), scale=scale)
    means = reads[..., :-1] / (reads[..., -1:] + epsilon)
    return ScanResult(means, means.new_empty(0))


def swapped(x: Inputs, names: str = "q k v") -> list[Tensor]:
    """Their heads come before the tokens."""
    return [x[name].transpose(1, 2) for name in names.split()]


def outputs(found: Tensor) -> ScanResult:
    return ScanResult(found, found.new_empty(0))


@pytest.mark.parametrize("form", ["recurrent", "chunk"])
def test_normalised_linear_attention(form: str) -> None:
    naive = imported("fla.ops.linear_attn.naive", f"naive_{form}_linear_attn")

    def positive(x: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        return x["features"], x["k"].sigmoid(), x["v"]

    def theirs(x: Inputs) -> ScanResult:
        found = naive(*positive(x), normalize=True)
        return outputs(found[0] if form == "recurrent" else found)

    def ours(x: Inputs) -> ScanResult:
        return weighted_mean(*positive(x), D**-0.5, 1e-10)

    compare(ours, theirs, draw("features k v"))


@pytest.mark.parametrize("form", ["parallel", "chunk"])
def test_based(form: str) -> None:
    """exp to the second order: 1, x and the products of its features."""
    naive = imported("fla.ops.based.naive", f"naive_{form}_based")
    options = {"chunk_size": 16} if form == "chunk" else {}

    def taylor(x: Tensor) -> Tensor:
        x = x * D**-0.25
        products = (x.unsqueeze(-1) * x.unsqueeze(-2)).flatten(-2) / math.sqrt(2)
        return torch.cat([torch.ones_like(x[..., :1]), x, products], -1)

    def theirs(x: Inputs) -> ScanResult:
        return outputs(naive(*swapped(x), **options).transpose(1, 2))

    def ours(x: Inputs) -> ScanResult:
        return weighted_mean(taylor(x["q"]), taylor(x["k"]), x["v"], 1.0, 1e-6)

    compare(ours, theirs, draw("q k v"))


def test_rebased() -> None:
    """Squares of products are products of all pairs of features."""
    naive = imported("fla.ops.rebased.naive", "naive_parallel_rebased")

    def pairs(x: Tensor) -> Tensor:
        return (x.unsqueeze(-1) * x.unsqueeze(-2)).flatten(-2)

    def theirs(x: Inputs) -> ScanResult:
        return outputs(naive(*swapped(x, "features k v")).transpose(1, 2))

    def ours(x: Inputs) -> ScanResult:
        return weighted_mean(pairs(x["features"]), pairs(x["k"]), x["v"], 1 / D, 1e-6)

    inputs = draw("features k v")
    inputs["k"] = 1 + inputs["k"]  # so that no sum of squares is next to nothing
    compare(ours, theirs, inputs)


@pytest.mark.parametrize("form", ["recurrent", "cumsum"])
def test_attention_with_bounded_memory(form: str) -> None:
    """Each slot holds the mean of all keys, and of all values, under a softmax over the tokens."""
    naive = imported("fla.ops.abc.naive", f"naive_{form}_abc")

    def theirs(x: Inputs) -> ScanResult:
        return outputs(naive(*swapped(x, "q k v slots"))[0].transpose(1, 2))

    def ours(x: Inputs) -> ScanResult:
        slots = x["slots"]
        z = RunningLogSumExp()(slots.flatten(2), Stream.over(slots)).view_as(slots)
        before = torch.cat([z[:, :1], z[:, :-1]], 1)
        decay, shares = Transition(before - z), one((slots - z).exp())
        scores, _ = scan(
            x["q"], decay, Writes(shares, one(x["k"])), scale=D**-0.5, transposed_read=True
        )
        return outputs(scan(scores.softmax(-1), decay, Writes(shares, one(x["v"])))[0])

    compare(ours, theirs, draw("q k v slots"))


def test_cyclic_flow_attention() -> None:
    """Keys and values written along the hand of a clock, and read turned back by it."""
    naive = imported("fla.ops.cyfa.naive", "naive_recurrent_cyfa")
    period = 7
    pair = torch.arange(period + 1) // 2
    is_cos = torch.arange(period + 1) % 2 == 0
    scale = torch.where(pair == 0, 1.0, 2.0).div(period).sqrt()

    def modes(clock: Tensor) -> tuple[Tensor, Tensor]:
        phase = clock.unsqueeze(-1) * pair * (2 * math.pi / period)
        return phase.cos(), phase.sin()

    def turned(x: Tensor, clock: Tensor) -> Tensor:
        (cos, sin), mate = modes(clock), x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
        return torch.where(is_cos, cos * x - sin * mate, sin * mate + cos * x)

    def normed(x: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], eps=1e-6)

    def ours(x: Inputs) -> ScanResult:
        clock, _ = elementwise_scan(torch.zeros(1, 1, 1), 0.1 * x["rate"])
        cos, sin = modes(clock)
        atoms = x["beta"].unsqueeze(-1) * scale * torch.where(is_cos, cos, -sin)
        rows, slots = modes(torch.arange(period, dtype=torch.float32)), Transition(x["gate"])
        fourier = scale * torch.where(is_cos, rows[0], rows[1])
        table = torch.einsum("hrc,cm->hrm", x["readout"], fourier)
        scores, _ = scan(
            normed(x["q"]),
            slots,
            Writes(one(atoms), one(normed(x["k"]))),
            scale=D**-0.5,
            transposed_read=True,
        )
        logits = torch.einsum("hrm,bthm->bthr", table, turned(scores, clock))
        shares = torch.einsum("hrm,bthr->bthm", table, logits.softmax(-1))
        return outputs(scan(turned(shares, -clock), slots, Writes(one(atoms), one(x["v"])))[0])

    def theirs(x: Inputs) -> ScanResult:
        gain = torch.ones(D)
        found, _ = naive(
            *(x[name] for name in ("q", "k", "v", "gate")),
            0.1 * x["rate"],
            x["beta"],
            x["readout"],
            q_norm_weight=gain,
            k_norm_weight=gain,
            q_norm_eps=1e-6,
            k_norm_eps=1e-6,
        )
        return outputs(found)

    generator = torch.Generator().manual_seed(1)
    readout = torch.eye(period) + 0.3 * torch.randn(H, period, period, generator=generator)
    compare(ours, theirs, draw("q k v gate rate beta") | {"readout": readout})


def test_forgetting_attention() -> None:
    """The mixer's own softmax, on heads of queries that share keys."""
    naive = imported("fla.ops.forgetting_attn.naive", "naive_forgetting_attn")
    mixer: Any = seqzoo.build_mixer({"type": "forgetting_attention", "heads": H}, H * D)

    def ours(x: Inputs) -> ScanResult:
        seen = mixer.cache(x["k"], x["v"], x["gate"], Stream.over(x["k"]))
        reads = mixer._attend(x["q"], seen.keys, seen.values, seen.bias)
        return outputs(reads.view(B, T, H, D))

    def theirs(x: Inputs) -> ScanResult:
        return outputs(naive(x["q"], x["k"], x["v"], x["gate"]))

    compare(ours, theirs, draw("q k v gate"))
