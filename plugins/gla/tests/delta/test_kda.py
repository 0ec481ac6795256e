"""Kimi Delta Attention against its recurrence, token by token, with the decay open and bounded."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.operators import Dims, Place

from .transcript import (
    REGISTRY,
    Weights,
    build,
    convolved,
    holds,
    kda_decay,
    per_head,
    rank_of_a_head,
    rms,
    unit,
)

SIZE = 8


def reads_of(weights: Weights, x: Tensor, alpha: Tensor) -> Tensor:
    """S <- S Diag(alpha); S <- S - beta (S k) k^T + beta v k^T; o = S q / sqrt(K)."""
    q = per_head(unit(convolved(weights, "queries", x, SIZE)), 2)
    k = per_head(unit(convolved(weights, "injection.key", x, SIZE)), 2)
    v = convolved(weights, "injection.value", x, SIZE)
    beta = torch.sigmoid(x @ weights["injection.strength.project.weight"].T)
    state = torch.zeros(2, SIZE, SIZE, dtype=torch.float64)
    reads = []
    for t in range(len(x)):
        state = state * alpha[t].unsqueeze(1)
        found = torch.einsum("hvk,hk->hv", state, k[t])
        state = state + torch.einsum("h,hv,hk->hvk", beta[t], v[t] - found, k[t])
        reads.append(torch.einsum("hvk,hk->hv", state, q[t]) * SIZE**-0.5)
    return torch.stack(reads)


def gated(reads: Tensor, weights: Weights, gate: Tensor) -> Tensor:
    normed = rms(reads, weights["readout.norm.weight"]).flatten(1)
    return (normed * torch.sigmoid(gate)) @ weights["readout.project.weight"].T


@pytest.mark.parametrize("key_heads", [2, 1])
def test_kda_is_its_recurrence(key_heads: int) -> None:
    def transcription(weights: Weights, x: Tensor) -> Tensor:
        alpha = kda_decay(weights, "forget.decay", x, 2)
        gate = rank_of_a_head(weights, "readout.gate", x)
        return gated(reads_of(weights, x, alpha), weights, gate)

    mixer = build({"type": "kda", "heads": 2, "key_heads": key_heads})
    assert mixer.get_parameter("forget.decay.project.0.weight").shape == (SIZE, 16)
    assert mixer.get_parameter("readout.gate.0.weight").shape == (SIZE, 16)
    holds(mixer, transcription)


def test_the_bounded_decay_is_a_sigmoid_and_ling_3s_gates_are_whole() -> None:
    def transcription(weights: Weights, x: Tensor) -> Tensor:
        z = x @ weights["forget.decay.project.weight"].T + weights["forget.decay.project.bias"]
        rate = weights["forget.decay.log_rate"].exp().view(2, 1)
        alpha = torch.exp(-5.0 * torch.sigmoid(rate * z.view(len(x), 2, SIZE)))
        gate = x @ weights["readout.gate.weight"].T
        return gated(reads_of(weights, x, alpha), weights, gate)

    whole = {"forget": {"decay": {"rank": None}}, "readout": {"rank": None}}
    holds(build({"type": "kda", "heads": 2, "lower": -5.0, **whole}), transcription)


def test_the_decay_starts_where_its_draws_say() -> None:
    """exp(A) in U(1, 16), or 1 with a bound; softplus(b) in [0.001, 0.1]."""
    dims = Dims(Place(16), heads=64, key_size=8, value_size=8)
    for lower in (None, -5.0):
        torch.manual_seed(0)
        spec = REGISTRY.spec("forget", {"type": "kda_decay", "lower": lower})
        decay = spec.build(dims)
        rates = decay.log_rate.exp()
        if lower is None:
            assert 1 < rates.min() < 2
            assert 15 < rates.max() < 16
        else:
            assert torch.equal(rates, torch.ones(64))
        steps = F.softplus(decay.project[1].bias)
        assert 0.000999 < steps.min() < 0.0012
        assert 0.08 < steps.max() < 0.10001


def test_weight_decay_spares_all_of_the_decay() -> None:
    from seqzoo.train.groups import parameter_groups

    groups = parameter_groups(seqzoo.build_mixer("kda", 16, REGISTRY))
    spared = {name for group in groups if not group.decay for name in group.names}
    decay = {f"forget.decay.project.{name}" for name in ("0.weight", "1.weight", "1.bias")}
    assert {"forget.decay.log_rate", *decay} <= spared
