"""What transcriptions of layers share, in float64 and for one sequence x (T, D).

A transcription is a function of a layer's parameters and x that says token by token what the
layer's specification says; it calls nothing of seqzoo. It is differentiable, so that gradients are
held to it as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.model import Mixer
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry()
Weights = Mapping[str, Tensor]


def build(spec: Any, width: int = 16, seed: int = 0) -> Mixer:
    """A mixer in float64 whose parameters are all moved, so that no one or zero hides an error."""
    torch.manual_seed(seed)
    mixer = seqzoo.build_mixer(spec, width, REGISTRY).double()
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return mixer


def holds(
    mixer: Mixer, transcription: Callable[[Weights, Tensor], Tensor], length: int = 19
) -> None:
    """Outputs, and gradients of the inputs and of every parameter, are the transcription's."""
    torch.manual_seed(1)
    x = torch.randn(1, length, mixer.place.width, dtype=torch.float64, requires_grad=True)
    named = dict(mixer.named_parameters())
    found, expected = mixer(x)[0][0], transcription(named, x[0])
    assert error_ratio(found, expected) < 1e-9
    weights = torch.randn_like(expected)
    sources = {"x": x, **named}
    gradients = [
        torch.autograd.grad((y * weights).sum(), list(sources.values()), retain_graph=True)
        for y in (found, expected)
    ]
    for name, mine, theirs in zip(sources, *gradients, strict=True):
        assert error_ratio(mine, theirs) < 1e-9, name


def unit(x: Tensor) -> Tensor:
    """x / sqrt(|x|^2 + 1e-6)."""
    return x / (x.square().sum(-1, keepdim=True) + 1e-6).sqrt()


def rms(x: Tensor, weight: Tensor) -> Tensor:
    """w x / sqrt(mean(x^2) + 1e-5)."""
    return weight * x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt()


def convolved(weights: Weights, name: str, x: Tensor, size: int) -> Tensor:
    """SiLU(conv(W x)) of a projection, (T, heads, size)."""
    return F.silu(causal_conv(x @ weights[f"{name}.project.weight"].T, weights, name)).view(
        len(x), -1, size
    )


def causal_conv(y: Tensor, weights: Weights, name: str) -> Tensor:
    """Each channel's sum over the last tokens, the newest under the last tap; y (T, channels)."""
    kernel = weights[f"{name}.conv.weight"][:, 0]
    sums = []
    for t in range(len(y)):
        seen = y[max(0, t + 1 - kernel.shape[1]) : t + 1]
        sums.append((seen * kernel[:, -len(seen) :].T).sum(0))
    return torch.stack(sums)


def per_head(x: Tensor, heads: int) -> Tensor:
    """(T, G, ...) -> (T, H, ...): each key head serves the heads of its group."""
    return torch.stack([x[:, h // (heads // x.shape[1])] for h in range(heads)], dim=1)


def silu_gated(reads: Tensor, weights: Weights, x: Tensor) -> Tensor:
    """W_o (rms(o) * SiLU(W_g x)), reads (T, H, V)."""
    normed = rms(reads, weights["readout.norm.weight"]).flatten(1)
    gate = F.silu(x @ weights["readout.gate.weight"].T)
    return (normed * gate) @ weights["readout.project.weight"].T


def rank_of_a_head(weights: Weights, name: str, x: Tensor) -> Tensor:
    """W_up W_down x, with the bias of W_up where it has one."""
    y = x @ weights[f"{name}.0.weight"].T @ weights[f"{name}.1.weight"].T
    return y + weights[f"{name}.1.bias"] if f"{name}.1.bias" in weights else y


def kda_decay(weights: Weights, name: str, x: Tensor, heads: int) -> Tensor:
    """exp(-exp(A) softplus(W_up W_down x + b)), (T, H, K)."""
    z = rank_of_a_head(weights, f"{name}.project", x).view(len(x), heads, -1)
    return torch.exp(-weights[f"{name}.log_rate"].exp().view(-1, 1) * F.softplus(z))


def mamba_decay(weights: Weights, name: str, x: Tensor) -> Tensor:
    """exp(-exp(A) softplus(W x + b)), (T, H)."""
    step = F.softplus(x @ weights[f"{name}.project.weight"].T + weights[f"{name}.project.bias"])
    return torch.exp(-weights[f"{name}.log_rate"].exp() * step)
