"""Rodimus against its recurrence, written out token by token."""

import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo

from .transcription import Weights, agrees, convolved, gain_normed

REGISTRY = seqzoo.load_registry()
WIDTH, K = 16, 6


def rodimus(weights: Weights, x: Tensor) -> Tensor:
    """S = S Diag(exp(-g tau)) + v (k g^tau)^T, y = W RMSNorm((S q / sqrt(K) + w c) silu(z))."""

    def layer(name: str, y: Tensor) -> Tensor:
        out = y @ weights[f"{name}.weight"].T
        return out + weights[f"{name}.bias"] if f"{name}.bias" in weights else out

    u, z = layer("project_up", x), F.silu(layer("gate", x))
    c = F.silu(convolved(u, weights["conv.weight"], weights["conv.bias"]))
    g, tau = F.softplus(layer("rate", c)), torch.sigmoid(layer("temperature", c))
    k = layer("key", c)
    k = k / k.norm(dim=-1, keepdim=True) * torch.exp(tau * torch.log(g))
    v = torch.sigmoid(layer("input_gate.1", layer("input_gate.0", u))) * u
    q = layer("queries", c)
    state = torch.zeros(u.shape[1], K, dtype=x.dtype)
    rows = []
    for t in range(len(x)):
        state = state * torch.exp(-g[t] * tau[t]) + torch.outer(v[t], k[t])
        y = (state @ q[t] / K**0.5 + weights["skip"] * c[t]) * z[t]
        rows.append(weights["project.weight"] @ gain_normed(y, weights["weight"]))
    return torch.stack(rows)


def test_it_is_the_published_recurrence() -> None:
    torch.manual_seed(0)
    spec = {"type": "rodimus", "key_size": K}
    agrees(seqzoo.build_mixer(spec, WIDTH, REGISTRY).double(), rodimus)


def test_its_state_is_one_head_of_twice_the_width() -> None:
    mixer = seqzoo.build_mixer("rodimus", WIDTH, REGISTRY)
    assert mixer.state_size(50) == 2 * WIDTH * 64 + 2 * WIDTH * 3


def test_a_rate_that_underflows_has_finite_gradients() -> None:
    mixer = seqzoo.build_mixer("rodimus", WIDTH, REGISTRY)
    with torch.no_grad():
        mixer.get_parameter("rate.bias").fill_(-200.0)
    x = torch.randn(1, 5, WIDTH, requires_grad=True)
    y, _ = mixer(x)
    y.square().sum().backward()
    for each in (x, *mixer.parameters()):
        assert each.grad is not None
        assert each.grad.isfinite().all()
