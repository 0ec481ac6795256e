"""Gated DeltaNet against its published recurrence, token by token, written out here."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from .transcript import (
    Weights,
    build,
    convolved,
    holds,
    mamba_decay,
    per_head,
    rms,
    silu_gated,
    unit,
)


def reads_of(weights: Weights, x: Tensor, heads: int, size: int, most: float) -> Tensor:
    """S_t = alpha S (I - beta k k^T) + beta v k^T on L2-normed, convolved, SiLU-ed q and k."""
    q = per_head(unit(convolved(weights, "queries", x, size)), heads)
    k = per_head(unit(convolved(weights, "injection.key", x, size)), heads)
    v = convolved(weights, "injection.value", x, 16 // heads)
    beta = most * torch.sigmoid(x @ weights["injection.strength.project.weight"].T)
    alpha = mamba_decay(weights, "forget.decay", x)
    state = torch.zeros(heads, v.shape[2], size, dtype=torch.float64)
    reads = []
    for t in range(len(x)):
        state = alpha[t].view(heads, 1, 1) * state
        found = torch.einsum("hvk,hk->hv", state, k[t])
        update = beta[t].unsqueeze(-1) * (v[t] - found)
        state = state + torch.einsum("hv,hk->hvk", update, k[t])
        reads.append(torch.einsum("hvk,hk->hv", state, q[t]) * size**-0.5)
    return torch.stack(reads)


@pytest.mark.parametrize(("key_heads", "size"), [(2, 8), (1, 6)])
def test_it_is_the_published_layer(key_heads: int, size: int) -> None:
    spec = {"type": "gated_deltanet", "heads": 2, "key_heads": key_heads, "key_size": size}
    holds(build(spec), lambda w, x: silu_gated(reads_of(w, x, 2, size, 1.0), w, x))


def test_its_options_are_olmo_hybrids_and_qwen4s() -> None:
    """Strengths up to 2, for eigenvalues below 0; an output gate of sigmoid."""

    def transcription(weights: Weights, x: Tensor) -> Tensor:
        normed = rms(reads_of(weights, x, 2, 8, 2.0), weights["readout.norm.weight"]).flatten(1)
        gate = torch.sigmoid(x @ weights["readout.gate.weight"].T)
        return (normed * gate) @ weights["readout.project.weight"].T

    spec = {"type": "gated_deltanet", "strength": "twice_sigmoid", "gate": "sigmoid", "heads": 2}
    holds(build(spec), transcription)


def test_one_convolution_over_all_is_three() -> None:
    """Published code convolves q, k and v concatenated; channels do not mix, so three are equal."""
    mixer = build({"type": "gated_deltanet", "heads": 2})
    weights = dict(mixer.named_parameters())
    names = ("queries", "injection.key", "injection.value")
    x = torch.randn(1, 11, 16, dtype=torch.float64)
    together = torch.cat([x @ weights[f"{name}.project.weight"].T for name in names], dim=-1)
    kernel = torch.cat([weights[f"{name}.conv.weight"] for name in names])
    mixed = F.conv1d(F.pad(together.mT, (3, 0)), kernel, groups=len(kernel)).mT
    apart = torch.cat([convolved(weights, name, x[0], 8).flatten(1) for name in names], dim=-1)
    torch.testing.assert_close(F.silu(mixed)[0], apart)
