"""MesaNet against the exact solution, token by token."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.errors import SpecError
from seqzoo_gla.decaying.conjugate_gradients import conjugate_gradients

from .transcription import Weights, agrees, convolved, gain_normed

REGISTRY = seqzoo.load_registry()
WIDTH, HEADS, SIZE = 16, 2, 8


def mesanet(weights: Weights, x: Tensor) -> Tensor:
    """H = gamma H + beta k k^T, S likewise with v, o = S (H + Lambda)^-1 q by an exact solve."""

    def unit(name: str) -> Tensor:
        y = convolved(x @ weights[f"{name}.project.weight"].T, weights[f"{name}.conv.weight"])
        y = F.silu(y).view(len(x), -1, SIZE)
        y = y[:, [h * y.shape[1] // HEADS for h in range(HEADS)]]  # shared by a group's heads
        return y / (y.square().sum(-1, keepdim=True) + 1e-6).sqrt()

    def gate(name: str) -> Tensor:
        logits = x @ weights[f"{name}.project.weight"].T + weights[f"{name}.project.bias"]
        return torch.sigmoid(logits)

    q, k = unit("queries"), unit("injection.key")
    v = (x @ weights["injection.value.project.weight"].T).view(len(x), HEADS, SIZE)
    beta, gamma = gate("injection.strength"), gate("forget")
    ridge = F.softplus(weights["regulariser"]) + 0.25
    gram, state = ([torch.zeros(SIZE, SIZE, dtype=x.dtype)] * HEADS for _ in range(2))
    rows = []
    for t in range(len(x)):
        heads = []
        for h in range(HEADS):
            gram[h] = gamma[t, h] * gram[h] + beta[t, h] * torch.outer(k[t, h], k[t, h])
            state[h] = gamma[t, h] * state[h] + beta[t, h] * torch.outer(v[t, h], k[t, h])
            heads.append(state[h] @ torch.linalg.solve(gram[h] + ridge[h].diag(), q[t, h]))
        normed = gain_normed(torch.stack(heads), weights["readout.norm.weight"])
        rows.append(weights["readout.project.weight"] @ normed.flatten())
    return torch.stack(rows)


@pytest.mark.parametrize("key_heads", [HEADS, 1])
def test_it_is_the_exact_least_squares_read(key_heads: int) -> None:
    torch.manual_seed(0)
    spec = {"type": "mesanet", "heads": HEADS, "key_heads": key_heads}
    mixer = seqzoo.build_mixer(spec, WIDTH, REGISTRY).double()
    ridge = F.softplus(mixer.get_parameter("regulariser")) + 0.25
    torch.testing.assert_close(ridge, torch.ones_like(ridge))
    agrees(mixer, mesanet)


def test_conjugate_gradients_solve_and_stay_where_nothing_is_left() -> None:
    generator = torch.Generator().manual_seed(0)
    half = torch.randn(3, 6, 6, dtype=torch.float64, generator=generator)
    matrices = half @ half.mT + torch.eye(6, dtype=torch.float64)
    r = torch.randn(3, 6, dtype=torch.float64, generator=generator)
    r[1] = 0.0

    def product(z: Tensor) -> Tensor:
        return (matrices @ z.unsqueeze(-1)).squeeze(-1)

    found = conjugate_gradients(product, r, 40)
    torch.testing.assert_close(found, torch.linalg.solve(matrices, r))
    assert not found[1].any()


def test_a_decay_of_channels_is_refused() -> None:
    spec = {"type": "mesanet", "forget": "channel_decay"}
    mixer = seqzoo.build_mixer(spec, WIDTH, REGISTRY)
    with pytest.raises(SpecError, match="use forget: head_decay"):
        mixer(torch.zeros(1, 3, WIDTH))
    with pytest.raises(SpecError, match="decays each head as one; 'delta' does not"):
        seqzoo.build_mixer({"type": "mesanet", "forget": "delta"}, WIDTH, REGISTRY)
