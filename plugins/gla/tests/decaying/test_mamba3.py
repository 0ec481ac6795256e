"""Mamba-3 against its recurrence, written out token by token."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.errors import SpecError

from .transcription import Weights, agrees, gain_normed

REGISTRY = seqzoo.load_registry()
WIDTH, HEADS, K, V = 16, 4, 8, 8


def mamba3(weights: Weights, x: Tensor, groups: int) -> Tensor:
    """S = a S + (1 - lam) dt a x_{t-1} k_{t-1}^T + lam dt x_t k_t^T, y = S q + D x."""

    def of_injection(name: str) -> Tensor:
        return x @ weights[f"injection.{name}.weight"].T

    def normed(name: str) -> Tensor:
        y = (x @ weights[f"{name}.project.weight"].T).view(len(x), groups, K)
        return gain_normed(y, weights[f"{name}.weight"])

    def turned(name: str, y: Tensor, h: int, theta: Tensor) -> Tensor:
        vector = list(y[h // (HEADS // groups)] + weights[f"{name}.bias"][h])
        for pair, angle in enumerate(theta):
            a, b = vector[2 * pair], vector[2 * pair + 1]
            vector[2 * pair] = a * angle.cos() - b * angle.sin()
            vector[2 * pair + 1] = a * angle.sin() + b * angle.cos()
        return torch.stack(vector)

    keys, queries = normed("injection.keys"), normed("queries.queries")
    values = of_injection("value").view(len(x), HEADS, V)
    dt = F.softplus(of_injection("step") + weights["injection.step_bias"])
    raw = of_injection("rate")
    f = torch.where(raw >= 0, 1 + raw, 1 / (1 - raw))
    a = torch.exp(torch.minimum(-f, torch.tensor(-1e-4, dtype=x.dtype)) * dt)
    lam = torch.sigmoid(of_injection("mix"))
    turns = math.pi * torch.tanh(of_injection("angle"))
    z = F.silu(x @ weights["readout.gate.weight"].T)
    zero = torch.zeros((), dtype=x.dtype)
    state = [zero.expand(V, K)] * HEADS
    k_before, theta = [zero.expand(K)] * HEADS, [zero.expand(turns.shape[1])] * HEADS
    rows = []
    for t in range(len(x)):
        heads = []
        for h in range(HEADS):
            theta[h] = theta[h] + turns[t] * dt[t, h]
            k = turned("injection.keys", keys[t], h, theta[h])
            q = turned("queries.queries", queries[t], h, theta[h])
            x_before = values[t - 1, h] if t else zero.expand(V)
            beta, gamma = (1 - lam[t, h]) * dt[t, h] * a[t, h], lam[t, h] * dt[t, h]
            state[h] = (
                a[t, h] * state[h]
                + beta * torch.outer(x_before, k_before[h])
                + gamma * torch.outer(values[t, h], k)
            )
            k_before[h] = k
            heads.append(state[h] @ q + weights["readout.skip"][h] * values[t, h])
        rows.append(weights["readout.project.weight"] @ (torch.cat(heads) * z[t]))
    return torch.stack(rows)


@pytest.mark.parametrize("groups", [1, 2])
def test_it_is_the_published_recurrence(groups: int) -> None:
    torch.manual_seed(0)
    shared = {"groups": groups}
    spec = {"type": "mamba3", "heads": HEADS, "key_size": K, **shared, "queries": shared}
    mixer = seqzoo.build_mixer(spec, WIDTH, REGISTRY).double()
    agrees(mixer, partial(mamba3, groups=groups))


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
