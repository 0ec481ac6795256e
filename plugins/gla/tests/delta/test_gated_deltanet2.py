"""Gated DeltaNet-2 against its recurrence, token by token."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seqzoo.errors import SpecError

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


@pytest.mark.parametrize(("key_heads", "negative"), [(2, False), (1, True)])
def test_it_is_its_recurrence(key_heads: int, negative: bool) -> None:
    """S <- S Diag(alpha); S <- S - (S (b * k)) k^T + (w * v) k^T; o = S q / sqrt(K)."""
    size = 8

    def transcription(weights: Weights, x: Tensor) -> Tensor:
        q = per_head(unit(convolved(weights, "queries", x, size)), 2)
        k = per_head(unit(convolved(weights, "injection.key", x, size)), 2)
        v = convolved(weights, "injection.value", x, size)
        alpha = kda_decay(weights, "forget.decay", x, 2)
        b = torch.sigmoid(x @ weights["forget.gate.weight"].T).view(len(x), key_heads, size)
        b = per_head(2 * b if negative else b, 2)
        w = torch.sigmoid(x @ weights["injection.gate.weight"].T).view(len(x), 2, size)
        state = torch.zeros(2, size, size, dtype=torch.float64)
        reads = []
        for t in range(len(x)):
            state = state * alpha[t].unsqueeze(1)
            found = torch.einsum("hvk,hk->hv", state, b[t] * k[t])
            state = state + torch.einsum("hv,hk->hvk", w[t] * v[t] - found, k[t])
            reads.append(torch.einsum("hvk,hk->hv", state, q[t]) * size**-0.5)
        normed = rms(torch.stack(reads), weights["readout.norm.weight"]).flatten(1)
        gate = F.silu(rank_of_a_head(weights, "readout.gate", x))
        return (normed * gate) @ weights["readout.project.weight"].T

    spec = {"type": "gated_deltanet2", "heads": 2, "key_heads": key_heads, "negative": negative}
    holds(build(spec), transcription)


def test_an_erase_along_a_key_of_any_length_is_refused() -> None:
    spec = {"type": "gated_deltanet2", "injection": {"key": {"norm": "none"}}}
    with pytest.raises(SpecError, match="not bounded by 1; give the injection's key norm: unit"):
        REGISTRY.spec("mixer", spec)
