"""Retention and lightning attention against their recurrences, written out token by token."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.operators import Place

from .transcription import Weights, agrees, gain_normed

REGISTRY = seqzoo.load_registry()
WIDTH, HEADS, K, V = 32, 2, 16, 32


def turned(x: Tensor, t: int) -> Tensor:
    """Features 2i and 2i + 1 turned by the angle t 10000^(-2i / K): the complex (n + im) e^{it}."""
    frequencies = [10_000.0 ** (-2 * i / len(x)) for i in range(len(x) // 2)]
    # float32, in which the layer computes its angles
    angles = t * torch.tensor(frequencies, dtype=torch.float32)
    as_complex = torch.view_as_complex(x.view(-1, 2))
    circle = torch.complex(angles.cos().double(), angles.sin().double())
    return torch.view_as_real(as_complex * circle).flatten()


def retnet(weights: Weights, x: Tensor) -> Tensor:
    """S = gamma S + v k^T, gamma = 1 - 2^(-5 - h), o = S q / sqrt(K) with turned q and k."""
    q, k, v = (
        (x @ weights[f"{name}.project.weight"].T).view(len(x), HEADS, -1)
        for name in ("queries", "injection.key", "injection.value")
    )
    gate = F.silu(x @ weights["readout.gate.weight"].T)
    state = [torch.zeros(V, K, dtype=x.dtype) for _ in range(HEADS)]
    rows = []
    for t in range(len(x)):
        heads = []
        for h in range(HEADS):
            # the layer holds its constants in float32
            gamma = torch.tensor(math.log1p(-(2.0 ** (-5 - h)))).double().exp()
            state[h] = gamma * state[h] + torch.outer(v[t, h], turned(k[t, h], t))
            heads.append(state[h] @ turned(q[t, h], t) * K**-0.5)
        normed = gain_normed(torch.stack(heads), torch.ones((), dtype=x.dtype))
        rows.append(weights["readout.project.weight"] @ (normed.flatten() * gate[t]))
    return torch.stack(rows)


def lightning(weights: Weights, x: Tensor) -> Tensor:
    """S = exp(-slope) S + v k^T on SiLU-ed q, k, v; the norm over all heads; a sigmoid gate."""
    q, k, v = (
        F.silu(x @ weights[f"{name}.project.weight"].T).view(len(x), HEADS, -1)
        for name in ("queries", "injection.key", "injection.value")
    )
    gate = torch.sigmoid(x @ weights["readout.gate.weight"].T)
    state = [torch.zeros(K, K, dtype=x.dtype) for _ in range(HEADS)]
    rows = []
    for t in range(len(x)):
        heads = []
        for h in range(HEADS):
            slope = 2 ** (-8 * (h + 1) / HEADS) * (1 - 2 / (5 - 1 + 1e-5) + 1e-5)
            state[h] = torch.tensor(-slope).double().exp() * state[h] + torch.outer(
                v[t, h], k[t, h]
            )
            heads.append(state[h] @ q[t, h])
        normed = gain_normed(torch.cat(heads), weights["readout.norm.weight"], 1e-6)
        rows.append(weights["readout.project.weight"] @ (normed * gate[t]))
    return torch.stack(rows)


def test_retnet_is_the_published_recurrence() -> None:
    torch.manual_seed(0)
    spec = {"type": "retnet", "heads": HEADS}
    agrees(seqzoo.build_mixer(spec, WIDTH, REGISTRY).double(), retnet)


def test_lightning_is_the_published_recurrence() -> None:
    torch.manual_seed(0)
    spec = REGISTRY.spec("mixer", {"type": "lightning", "heads": HEADS})
    agrees(spec.build(Place(WIDTH, layer=2, layers=5)).double(), lightning)
