"""Gated DeltaProduct against its recurrence, micro-step by micro-step."""

import pytest
import torch
from torch import Tensor

from .transcript import (
    Weights,
    build,
    convolved,
    holds,
    mamba_decay,
    per_head,
    silu_gated,
    unit,
)


@pytest.mark.parametrize(("steps", "key_heads"), [(2, 2), (3, 1)])
def test_it_is_its_recurrence(steps: int, key_heads: int) -> None:
    """S <- alpha S; for each j: S <- S - beta_j (S k_j) k_j^T + beta_j v_j k_j^T; o = S q."""
    size, heads = 8, 2

    def transcription(weights: Weights, x: Tensor) -> Tensor:
        q = per_head(unit(convolved(weights, "queries", x, size)), heads)
        k = unit(convolved(weights, "injection.key", x, size)).view(len(x), steps, key_heads, size)
        v = convolved(weights, "injection.value", x, size).view(len(x), steps, heads, size)
        beta = 2 * torch.sigmoid(x @ weights["injection.strength.project.weight"].T)
        beta = beta.view(len(x), steps, heads)
        alpha = mamba_decay(weights, "forget.decay", x)
        state = torch.zeros(heads, size, size, dtype=torch.float64)
        reads = []
        for t in range(len(x)):
            state = alpha[t].view(heads, 1, 1) * state
            for j in range(steps):
                key = per_head(k[t, j].unsqueeze(0), heads)[0]
                found = torch.einsum("hvk,hk->hv", state, key)
                update = torch.einsum("h,hv,hk->hvk", beta[t, j], v[t, j] - found, key)
                state = state + update
            reads.append(torch.einsum("hvk,hk->hv", state, q[t]) * size**-0.5)
        return silu_gated(torch.stack(reads), weights, x)

    spec = {"type": "gated_deltaproduct", "steps": steps, "heads": heads, "key_heads": key_heads}
    holds(build(spec), transcription)
