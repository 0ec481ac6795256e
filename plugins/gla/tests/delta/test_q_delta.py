"""Q-Delta against its recurrence, token by token."""

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
    mamba_decay,
    per_head,
    silu_gated,
    unit,
)


@pytest.mark.parametrize("key_heads", [2, 1])
def test_it_is_its_recurrence(key_heads: int) -> None:
    """S <- alpha S; S <- S - beta (S (k + lam q)) k^T + beta v k^T; o = S q / sqrt(K)."""
    size = 8

    def transcription(weights: Weights, x: Tensor) -> Tensor:
        q = unit(convolved(weights, "queries", x, size))
        k = unit(convolved(weights, "injection.key", x, size))
        mix = x @ weights["forget.mix.project.weight"].T + weights["forget.mix.project.bias"]
        looked_at = per_head(k + torch.sigmoid(mix).unsqueeze(-1) * q, 2)
        q, k = per_head(q, 2), per_head(k, 2)
        v = convolved(weights, "injection.value", x, size)
        beta = torch.sigmoid(x @ weights["injection.strength.project.weight"].T)
        alpha = mamba_decay(weights, "forget.decay", x)
        state = torch.zeros(2, size, size, dtype=torch.float64)
        reads = []
        for t in range(len(x)):
            state = alpha[t].view(2, 1, 1) * state
            found = torch.einsum("hvk,hk->hv", state, looked_at[t])
            state = state + torch.einsum("h,hv,hk->hvk", beta[t], v[t] - found, k[t])
            reads.append(torch.einsum("hvk,hk->hv", state, q[t]) * size**-0.5)
        return silu_gated(torch.stack(reads), weights, x)

    holds(build({"type": "q_delta", "heads": 2, "key_heads": key_heads}), transcription)


def test_the_mix_starts_at_minus_0_9() -> None:
    from seqzoo.operators import Place

    mixer = REGISTRY.spec("mixer", {"type": "q_delta"}).build(Place(128))
    torch.testing.assert_close(mixer.forget.mix.project.bias, torch.full((2,), -0.9))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"injection": {"strength": "none"}}, "give the injection strength: sigmoid"),
        ({"injection": {"strength": "twice_sigmoid"}}, "lets eigenvalues reach -3"),
        ({"injection": {"key": {"norm": "none"}}}, "give the injection's key norm: unit"),
        ({"forget": {"mix": "softplus"}}, "use mix: sigmoid"),
    ],
)
def test_unbounded_erases_are_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(SpecError, match=why):
        REGISTRY.spec("mixer", {"type": "q_delta", **changes})
