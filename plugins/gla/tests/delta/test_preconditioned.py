"""Preconditioned delta rules against their recurrence, token by token."""

import math

import pytest
import torch
from torch import Tensor

from .transcript import (
    Weights,
    build,
    convolved,
    holds,
    kda_decay,
    mamba_decay,
    per_head,
    rank_of_a_head,
    rms,
    silu_gated,
    unit,
)

SIZE = 8


def reads_of(weights: Weights, x: Tensor, alpha: Tensor) -> Tensor:
    """S <- S Diag(alpha); S <- S - beta (S k) kappa^T + beta v kappa^T; o = S q."""
    q = per_head(unit(convolved(weights, "queries", x, SIZE)), 2)
    keys = unit(convolved(weights, "injection.key", x, SIZE))
    v = convolved(weights, "injection.value", x, SIZE)
    beta = torch.sigmoid(x @ weights["injection.strength.project.weight"].T)
    own_decay = mamba_decay(weights, "injection.decay", x).unsqueeze(-1)
    own_rate = torch.sigmoid(x @ weights["injection.rate.project.weight"].T).unsqueeze(-1)
    curvature = torch.zeros(keys.shape[1], SIZE, dtype=torch.float64)
    state = torch.zeros(2, SIZE, SIZE, dtype=torch.float64)
    reads = []
    for t in range(len(x)):
        curvature = own_decay[t] * curvature + own_rate[t] * keys[t] ** 2
        level = torch.log(curvature + 1e-6) - weights["injection.centre"].unsqueeze(-1)
        kappa = torch.exp(-math.log(1.5) * level / (1 + level.abs())) * keys[t]
        k, kappa = (per_head(each.unsqueeze(0), 2)[0] for each in (keys[t], kappa))
        state = state * alpha[t].unsqueeze(1)
        found = torch.einsum("hvk,hk->hv", state, k)
        state = state + torch.einsum("h,hv,hk->hvk", beta[t], v[t] - found, kappa)
        reads.append(torch.einsum("hvk,hk->hv", state, q[t]) * SIZE**-0.5)
    return torch.stack(reads)


@pytest.mark.parametrize("key_heads", [2, 1])
def test_a_head_decays_as_one(key_heads: int) -> None:
    def transcription(weights: Weights, x: Tensor) -> Tensor:
        alpha = mamba_decay(weights, "forget.decay", x).unsqueeze(-1)
        return silu_gated(reads_of(weights, x, alpha), weights, x)

    spec = {"type": "preconditioned_deltanet", "heads": 2, "key_heads": key_heads}
    holds(build(spec), transcription)


def test_channels_decay_apart() -> None:
    def transcription(weights: Weights, x: Tensor) -> Tensor:
        reads = reads_of(weights, x, kda_decay(weights, "forget.decay", x, 2))
        normed = rms(reads, weights["readout.norm.weight"]).flatten(1)
        gate = torch.sigmoid(rank_of_a_head(weights, "readout.gate", x))
        return (normed * gate) @ weights["readout.project.weight"].T

    holds(build({"type": "preconditioned_kda", "heads": 2}), transcription)
