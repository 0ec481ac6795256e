"""Gated DeltaNet against its published recurrence, token by token, written out here."""

import torch
from torch.nn import functional as F

import seqzoo
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry()


def test_gated_deltanet_is_the_published_layer() -> None:
    """S_t = alpha S (I - beta k k^T) + beta v k^T on L2-normed, convolved, SiLU-ed q and k."""
    torch.manual_seed(0)
    heads, size, width, length = 2, 8, 16, 23
    mixer = seqzoo.build_mixer({"type": "gated_deltanet", "heads": heads}, width, REGISTRY).double()
    weights = mixer.state_dict()
    x = torch.randn(1, length, width, dtype=torch.float64)

    def project(name: str, norm: bool) -> torch.Tensor:
        y = x[0] @ weights[f"{name}.project.weight"].T
        kernel = weights[f"{name}.conv.weight"][:, 0]
        padded = F.pad(y, (0, 0, kernel.shape[1] - 1, 0))
        mixed = torch.stack(
            [(padded[t : t + kernel.shape[1]] * kernel.T).sum(0) for t in range(length)]
        )
        mixed = F.silu(mixed).view(length, heads, size)
        return mixed / mixed.norm(dim=-1, keepdim=True) if norm else mixed

    q = project("queries", norm=True)
    k = project("injection.key", norm=True)
    v = project("injection.value", norm=False)
    beta = torch.sigmoid(x[0] @ weights["injection.strength.project.weight"].T)
    raw = x[0] @ weights["forget.decay.project.weight"].T + weights["forget.decay.project.bias"]
    alpha = torch.exp(-weights["forget.decay.log_rate"].exp() * F.softplus(raw))
    state = torch.zeros(heads, size, size, dtype=torch.float64)
    reads = []
    for t in range(length):
        state = alpha[t].view(heads, 1, 1) * state
        found = torch.einsum("hvk,hk->hv", state, k[t])
        update = beta[t].unsqueeze(-1) * (v[t] - found)
        state = state + torch.einsum("hv,hk->hvk", update, k[t])
        reads.append(torch.einsum("hvk,hk->hv", state, q[t]) * size**-0.5)
    o = torch.stack(reads)
    normed = o / (o.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weights["readout.norm.weight"]
    gate = F.silu(x[0] @ weights["readout.gate.weight"].T)
    expected = (normed.flatten(1) * gate) @ weights["readout.project.weight"].T

    found_outputs, _ = mixer(x)
    assert error_ratio(found_outputs[0], expected) < 1e-9  # unit norms: 1e-12 under the root


def test_linear_attention_is_a_masked_product() -> None:
    """o_t = sum_{s<=t} phi(q_t) phi(k_s) v_s / sqrt(K), phi = elu + 1."""
    torch.manual_seed(0)
    width, length = 16, 19
    mixer = seqzoo.build_mixer("linear_attention", width, REGISTRY).double()
    weights = mixer.state_dict()
    x = torch.randn(1, length, width, dtype=torch.float64)
    q = F.elu(x[0] @ weights["queries.project.weight"].T) + 1
    k = F.elu(x[0] @ weights["injection.key.project.weight"].T) + 1
    v = x[0] @ weights["injection.value.project.weight"].T
    o = torch.tril(q @ k.T) @ v * width**-0.5
    normed = o / (o.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weights["readout.norm.weight"]
    found, _ = mixer(x)
    assert error_ratio(found[0], normed @ weights["readout.project.weight"].T) < 1e-12


def test_mamba_decay_starts_where_its_draws_say() -> None:
    """softplus(b) between the bounds of `step`, and exp(A) below `rate`."""
    from seqzoo.operators import Dims, Place

    spec = REGISTRY.spec("forget", {"type": "mamba_decay", "rate": 4.0, "step": [0.01, 0.02]})
    forget = spec.build(Dims(Place(8), heads=64, key_size=4, value_size=4))
    step = F.softplus(forget.project.bias)
    assert 0.00999 < step.min() < step.max() < 0.02001
    assert 0 < forget.log_rate.exp().min() < forget.log_rate.exp().max() < 4.0
