"""Gated linear attention against its recurrence, written out token by token."""

import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo

from .transcription import Weights, agrees, gain_normed

REGISTRY = seqzoo.load_registry()
WIDTH, HEADS, K, V = 32, 4, 4, 8


def gla(weights: Weights, x: Tensor) -> Tensor:
    """S = S Diag(sigmoid(W2 W1 x + b)^(1/16)) + v k^T, o = S q / sqrt(K)."""
    q, k, v = (
        x @ weights[f"{name}.project.weight"].T
        for name in ("queries", "injection.key", "injection.value")
    )
    low = x @ weights["forget.project.0.weight"].T @ weights["forget.project.1.weight"].T
    alpha = torch.sigmoid(low + weights["forget.project.1.bias"]) ** (1 / 16)
    gate = F.silu(x @ weights["readout.gate.weight"].T)
    state = [torch.zeros(V, K, dtype=x.dtype) for _ in range(HEADS)]
    rows = []
    for t in range(len(x)):
        heads = []
        for h in range(HEADS):
            of_keys, of_values = slice(h * K, (h + 1) * K), slice(h * V, (h + 1) * V)
            state[h] = state[h] * alpha[t, of_keys] + torch.outer(v[t, of_values], k[t, of_keys])
            heads.append(state[h] @ q[t, of_keys] * K**-0.5)
        normed = gain_normed(torch.stack(heads), weights["readout.norm.weight"])
        rows.append(weights["readout.project.weight"] @ (normed.flatten() * gate[t]))
    return torch.stack(rows)


def test_it_is_the_published_recurrence() -> None:
    torch.manual_seed(0)
    agrees(seqzoo.build_mixer("gla", WIDTH, REGISTRY).double(), gla)
