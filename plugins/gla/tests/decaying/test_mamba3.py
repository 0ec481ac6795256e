"""Mamba-3 against its recurrence, written out token by token."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.errors import SpecError

from .transcription import Weights, agrees, gain_normed

REGISTRY = seqzoo.load_registry()
WIDTH, HEADS, K, V = 16, 4, 8, 8


def mamba3(weights: Weights, x: Tensor, groups: int, rank: int = 1) -> Tensor:
    """S = a S + sum_m (1 - lam) dt a x^m_{t-1} k^m_{t-1}^T + lam dt x^m_t k^m_t^T, o^m = S q^m."""

    def of_injection(name: str) -> Tensor:
        return x @ weights[f"injection.{name}.weight"].T

    def normed(name: str) -> Tensor:
        y = (x @ weights[f"{name}.project.weight"].T).view(len(x), rank, groups, K)
        return gain_normed(y, weights[f"{name}.weight"])

    def turned(name: str, y: Tensor, m: int, h: int, theta: Tensor) -> Tensor:
        vector = list(y[m, h // (HEADS // groups)] + weights[f"{name}.bias"][m, h])
        for pair, angle in enumerate(theta):
            a, b = vector[2 * pair], vector[2 * pair + 1]
            vector[2 * pair] = a * angle.cos() - b * angle.sin()
            vector[2 * pair + 1] = a * angle.sin() + b * angle.cos()
        return torch.stack(vector)

    def joined(o: list[Tensor], v: list[Tensor], t: int, h: int) -> Tensor:
        """The output of head h, before W_o."""
        if rank == 1:
            return (o[0] + weights["readout.skip"][h] * v[0]) * F.silu(z[t, h])
        y = torch.zeros_like(o[0])
        for m in range(rank):
            gate = F.silu(weights["readout.gates"][m, h] * z[t, h])
            read = o[m] + weights["readout.skip"][h] * v[m]
            y = y + weights["readout.mix"][m, h] * read * gate
        return y

    keys, queries = normed("injection.keys"), normed("queries.queries")
    values = of_injection("value").view(len(x), HEADS, V)
    dt = F.softplus(of_injection("step") + weights["injection.step_bias"])
    raw = of_injection("rate")
    f = torch.where(raw >= 0, 1 + raw, 1 / (1 - raw))
    a = torch.exp(torch.minimum(-f, torch.tensor(-1e-4, dtype=x.dtype)) * dt)
    lam = torch.sigmoid(of_injection("mix"))
    turns = math.pi * torch.tanh(of_injection("angle"))
    z = (x @ weights["readout.gate.weight"].T).view(len(x), HEADS, V)
    state = [torch.zeros(V, K, dtype=x.dtype)] * HEADS
    theta = [torch.zeros(turns.shape[1], dtype=x.dtype)] * HEADS
    before: list[list[tuple[Tensor, Tensor]]] = [[] for _ in range(HEADS)]
    rows = []
    for t in range(len(x)):
        heads = []
        for h in range(HEADS):
            theta[h] = theta[h] + turns[t] * dt[t, h]
            k = [turned("injection.keys", keys[t], m, h, theta[h]) for m in range(rank)]
            q = [turned("queries.queries", queries[t], m, h, theta[h]) for m in range(rank)]
            copies = [weights["injection.copies"][h, m] if rank > 1 else 1.0 for m in range(rank)]
            v = [copy * values[t, h] for copy in copies]
            beta, gamma = (1 - lam[t, h]) * dt[t, h] * a[t, h], lam[t, h] * dt[t, h]
            state[h] = a[t, h] * state[h]
            for earlier_v, earlier_k in before[h]:
                state[h] = state[h] + beta * torch.outer(earlier_v, earlier_k)
            for m in range(rank):
                state[h] = state[h] + gamma * torch.outer(v[m], k[m])
            before[h] = list(zip(v, k, strict=True))
            heads.append(joined([state[h] @ q[m] for m in range(rank)], v, t, h))
        rows.append(weights["readout.project.weight"] @ torch.cat(heads))
    return torch.stack(rows)


@pytest.mark.parametrize("groups", [1, 2])
def test_it_is_the_published_recurrence(groups: int) -> None:
    torch.manual_seed(0)
    shared = {"injection": {"groups": groups}, "queries": {"groups": groups}}
    spec = {"type": "mamba3", "heads": HEADS, "key_size": K, **shared}
    mixer = seqzoo.build_mixer(spec, WIDTH, REGISTRY).double()
    agrees(mixer, partial(mamba3, groups=groups))


@pytest.mark.parametrize(("rank", "groups"), [(2, 2), (4, 1)])
def test_several_keys_and_queries_a_token_are_the_published_recurrence(
    rank: int, groups: int
) -> None:
    torch.manual_seed(0)
    mixer = seqzoo.build_mixer(mimo(rank, groups), WIDTH, REGISTRY).double()
    agrees(mixer, partial(mamba3, groups=groups, rank=rank), length=9)


def mimo(rank: int, groups: int = 1) -> dict[str, Any]:
    ranked = {"rank": rank, "groups": groups}
    sizes = {"heads": HEADS, "key_size": K}
    parts = {"injection": ranked, "queries": ranked, "readout": {"rank": rank}}
    return {"type": "mamba3_mimo", **sizes, **parts}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"injection": {"groups": 2}}, "give injection and queries the same groups"),
        ({"queries": {"rank": 2}}, "give injection and queries the same rank"),
        ({"key_size": 1}, "give key_size 2 or more"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(SpecError, match=why):
        seqzoo.build_mixer({"type": "mamba3", **changes}, WIDTH, REGISTRY)


def test_several_reads_cost_no_more_state() -> None:
    """One state a head, whatever the rank; the last token's keys are carried beside it."""
    one, four = (
        seqzoo.build_mixer(spec, WIDTH, REGISTRY)
        for spec in ({"type": "mamba3", "heads": HEADS, "key_size": K}, mimo(4))
    )
    assert four.state_size(8) - one.state_size(8) == 3 * HEADS * K


def test_half_of_a_keys_features_are_turned_and_biases_start_at_1() -> None:
    mixer = seqzoo.build_mixer({"type": "mamba3", "heads": HEADS}, WIDTH, REGISTRY)
    assert mixer.get_parameter("injection.angle.weight").shape == (32, WIDTH)
    for name in ("injection.keys.bias", "queries.queries.bias", "readout.skip"):
        assert bool((mixer.get_parameter(name) == 1).all())


def test_parts_that_need_each_other_say_so() -> None:
    grouped = {"type": "mamba3", "heads": HEADS, "key_heads": 2}
    with pytest.raises(SpecError, match="leave key_heads out"):
        seqzoo.build_mixer(grouped, WIDTH, REGISTRY)
    with pytest.raises(SpecError, match="injection: trapezoid"):
        seqzoo.build_mixer({"type": "recurrent", "queries": "turned"}, WIDTH, REGISTRY)
    with pytest.raises(SpecError, match="give injection and queries the same rank"):
        seqzoo.build_mixer({**mimo(2), "queries": {"rank": 4}}, WIDTH, REGISTRY)
    with pytest.raises(SpecError, match="of rank 3 joins as many reads"):
        seqzoo.build_mixer({**mimo(2), "readout": {"rank": 3}}, WIDTH, REGISTRY)
    with pytest.raises(SpecError, match="is read 2 times a token, and readout 'gated_skip' takes"):
        seqzoo.build_mixer({**mimo(2), "readout": {"type": "gated_skip"}}, WIDTH, REGISTRY)
