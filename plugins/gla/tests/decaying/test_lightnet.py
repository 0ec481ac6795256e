"""LightNet against what it is: a softmax over the tokens so far, channel by channel."""

import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo

from .transcription import Weights, agrees, gain_normed

REGISTRY = seqzoo.load_registry()
WIDTH, HEADS, SIZE = 16, 2, 8
SPEC = {"type": "lightnet", "heads": HEADS}


def lightnet(weights: Weights, x: Tensor) -> Tensor:
    """z = log sum exp k; S = S Diag(exp(z_{t-1} - z_t)) + v exp(k - z)^T, from the second token."""
    q, k, v = (
        (x @ weights[f"{name}.project.weight"].T).view(len(x), HEADS, SIZE)
        for name in ("queries", "injection.key", "injection.value")
    )
    q = F.silu(q)
    low = x @ weights["readout.gate.0.weight"].T @ weights["readout.gate.1.weight"].T
    rows, states, z = [], [torch.zeros(SIZE, SIZE, dtype=x.dtype)] * HEADS, k[0]
    for t in range(len(x)):
        z_before, z = z, k[: t + 1].exp().sum(0).log()
        heads = []
        for h in range(HEADS):
            kept = states[h] * torch.exp(z_before[h] - z[h]) if t else states[h]
            states[h] = kept + torch.outer(v[t, h], torch.exp(k[t, h] - z[h]))
            heads.append(states[h] @ q[t, h] / SIZE**0.5)
        normed = gain_normed(torch.cat(heads), weights["readout.norm.weight"])
        rows.append(weights["readout.project.weight"] @ (normed * F.silu(low[t])))
    return torch.stack(rows)


def test_it_is_the_published_recurrence() -> None:
    torch.manual_seed(0)
    agrees(seqzoo.build_mixer(SPEC, WIDTH, REGISTRY).double(), lightnet)


def test_a_state_is_a_softmax_weighted_mean() -> None:
    torch.manual_seed(0)
    mixer = seqzoo.build_mixer(SPEC, WIDTH, REGISTRY).double()
    x = torch.randn(1, 11, WIDTH, dtype=torch.float64)
    _, state = mixer(x)
    k, v = (
        (x[0] @ mixer.get_parameter(f"injection.{name}.project.weight").T).view(-1, HEADS, SIZE)
        for name in ("key", "value")
    )
    expected = torch.einsum("thk,thv->hvk", k.softmax(0), v)
    torch.testing.assert_close(state["memory.state"][0], expected)


def test_logits_of_any_size_stay_finite() -> None:
    torch.manual_seed(0)
    mixer = seqzoo.build_mixer(SPEC, WIDTH, REGISTRY)
    x = (1000 * torch.randn(2, 30, WIDTH)).requires_grad_()
    y, _ = mixer(x)
    y.sum().backward()
    assert y.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()
