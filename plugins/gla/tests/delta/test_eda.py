"""Erase-then-Delta against its recurrence, token by token."""

import pytest
import torch
from torch import Tensor

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


@pytest.mark.parametrize("key_heads", [2, 1])
def test_it_is_its_recurrence(key_heads: int) -> None:
    """S <- S Diag(alpha)(I - gamma e e^T)(I - beta k k^T) + beta v k^T, o = S q / sqrt(K)."""
    size = 8

    def transcription(weights: Weights, x: Tensor) -> Tensor:
        q = per_head(unit(convolved(weights, "queries", x, size)), 2)
        k = per_head(unit(convolved(weights, "injection.key", x, size)), 2)
        v = convolved(weights, "injection.value", x, size)
        narrow = (x @ weights["injection.erase.down.weight"].T).view(len(x), key_heads, 16)
        e = torch.einsum("gkr,tgr->tgk", weights["injection.erase.up"], narrow)
        e = per_head(unit(e), 2)
        name = "injection.erase_strength.project"
        gamma = torch.sigmoid(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])
        beta = torch.sigmoid(x @ weights["injection.strength.project.weight"].T)
        alpha = kda_decay(weights, "forget.decay", x, 2)
        identity = torch.eye(size, dtype=torch.float64)
        state = torch.zeros(2, size, size, dtype=torch.float64)
        reads = []
        for t in range(len(x)):
            erased = identity - gamma[t, :, None, None] * e[t].unsqueeze(2) * e[t].unsqueeze(1)
            found = identity - beta[t, :, None, None] * k[t].unsqueeze(2) * k[t].unsqueeze(1)
            state = state @ torch.diag_embed(alpha[t]) @ erased @ found
            state = state + torch.einsum("h,hv,hk->hvk", beta[t], v[t], k[t])
            reads.append(torch.einsum("hvk,hk->hv", state, q[t]) * size**-0.5)
        normed = rms(torch.stack(reads), weights["readout.norm.weight"]).flatten(1)
        gate = torch.sigmoid(rank_of_a_head(weights, "readout.gate", x))
        return (normed * gate) @ weights["readout.project.weight"].T

    holds(build({"type": "eda", "heads": 2, "key_heads": key_heads}), transcription)


def test_it_starts_where_it_says() -> None:
    """The erase's bias at -2, and the second matrix of its bottleneck at N(0, 1/16)."""
    from seqzoo.operators import Place

    torch.manual_seed(0)
    mixer = REGISTRY.spec("mixer", "eda").build(Place(128))
    bias = mixer.injection.erase_strength.project.bias
    torch.testing.assert_close(bias, torch.full((2,), -2.0))
    assert abs(float(mixer.injection.erase.up.detach().std()) - 0.25) < 0.02


def test_a_forget_that_would_not_erase_as_told_is_refused() -> None:
    own = {"type": "gated_delta", "strength": "sigmoid"}
    for forget, why in (("none", "use forget: gated_delta, or delta"), (own, "leave key and str")):
        with pytest.raises(SpecError, match=why):
            REGISTRY.spec("mixer", {"type": "eda", "forget": forget})
