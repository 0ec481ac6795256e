"""DeltaNet and EFLA against their recurrence, token by token."""

import torch
from torch import Tensor

from .transcript import Weights, build, convolved, holds, per_head, rms, unit

SIZE = 8


def read_by_delta_rule(q: Tensor, k: Tensor, v: Tensor, beta: Tensor) -> Tensor:
    """S <- S - beta (S k) k^T + beta v k^T, o = S q / sqrt(K); (T, H, ...) each, beta (T, H)."""
    reads = []
    state = torch.zeros(v.shape[1], v.shape[2], k.shape[2], dtype=torch.float64)
    for t in range(len(q)):
        found = (state @ k[t].unsqueeze(-1)).squeeze(-1)
        state = state + torch.einsum("h,hv,hk->hvk", beta[t], v[t] - found, k[t])
        reads.append((state @ q[t].unsqueeze(-1)).squeeze(-1) * k.shape[2] ** -0.5)
    return torch.stack(reads)


def written_out(reads: Tensor, weights: Weights) -> Tensor:
    return (
        rms(reads, weights["readout.norm.weight"]).flatten(1) @ weights["readout.project.weight"].T
    )


def strengths(weights: Weights, x: Tensor) -> Tensor:
    return torch.sigmoid(x @ weights["injection.strength.project.weight"].T)


def test_deltanet_is_its_recurrence() -> None:
    def transcription(weights: Weights, x: Tensor) -> Tensor:
        q = per_head(unit(convolved(weights, "queries", x, SIZE)), 2)
        k = per_head(unit(convolved(weights, "injection.key", x, SIZE)), 2)
        v = convolved(weights, "injection.value", x, SIZE)
        return written_out(read_by_delta_rule(q, k, v, strengths(weights, x)), weights)

    for key_heads in (2, 1):
        holds(build({"type": "deltanet", "heads": 2, "key_heads": key_heads}), transcription)


def test_negative_eigenvalues_double_the_strength() -> None:
    def transcription(weights: Weights, x: Tensor) -> Tensor:
        q = unit(convolved(weights, "queries", x, SIZE))
        k = unit(convolved(weights, "injection.key", x, SIZE))
        v = convolved(weights, "injection.value", x, SIZE)
        return written_out(read_by_delta_rule(q, k, v, 2 * strengths(weights, x)), weights)

    mixer = build({"type": "deltanet", "heads": 2, "strength": "twice_sigmoid"})
    holds(mixer, transcription)


def test_efla_is_the_flow_of_its_differential_equation() -> None:
    """dS/dt = (v - S k) k^T held for a time beta, by the matrix exponential."""

    def transcription(weights: Weights, x: Tensor) -> Tensor:
        q = unit(convolved(weights, "queries", x, SIZE))
        k = convolved(weights, "injection.key", x, SIZE)
        v = convolved(weights, "injection.value", x, SIZE)
        beta = strengths(weights, x)
        state = torch.zeros(2, SIZE, SIZE, dtype=torch.float64)
        reads = []
        for t in range(len(x)):
            # [S, v] <- [S, v] exp(beta [[-k k^T, 0], [k^T, 0]])
            generator = torch.zeros(2, SIZE + 1, SIZE + 1, dtype=torch.float64)
            generator[:, :SIZE, :SIZE] = -torch.einsum("hk,hl->hkl", k[t], k[t])
            generator[:, SIZE, :SIZE] = k[t]
            flow = torch.matrix_exp(beta[t, :, None, None] * generator)
            state = (torch.cat([state, v[t].unsqueeze(-1)], dim=-1) @ flow)[..., :SIZE]
            reads.append((state @ q[t].unsqueeze(-1)).squeeze(-1) * SIZE**-0.5)
        return written_out(torch.stack(reads), weights)

    holds(build({"type": "efla", "heads": 2}), transcription)
