"""PRISM's Algorithm 1 (arXiv 2602.10796 v2), Eqs. 9-18, one token and one head after the other.

With the decisions that the preset `prism` takes where the paper leaves room: keys of norm 1 on
every step (1e-12 under the root), a sigmoid on the first gate, reads scaled by 1/sqrt(K), the
residual cut into heads, decay before the erase. What the ablations of Table 3 leave out is left out
of the parameters: without a convolution u is x, and without gains they are 1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .functions import Parameters, conv, drawn, gelu, sigmoid, silu

__all__ = ["algorithm1", "algorithm1_parameters"]

Activation = Callable[[Tensor], Tensor]


def algorithm1_parameters(
    width: int, heads: int, depth: int, kernel: int = 4, seed: int = 0, *, gains: bool = True
) -> Parameters:
    """Random parameters: the convolution, and the matrices of the paper, some of them by step."""
    square = (width, width)
    shapes = {"value": square, "query": square, "out": square}
    if kernel:
        shapes["conv"] = (width, kernel)
    for step in range(depth):
        shapes |= {f"key{step}": square, f"gate{step}": (heads, width)}
        if gains:
            shapes[f"gain{step}"] = square
    return drawn(seed, **shapes, alpha=(heads, width), alpha_bias=(heads,))


def algorithm1(
    p: Parameters, x: Tensor, heads: int, depth: int, activation: Activation = gelu
) -> Tensor:
    """x (B, T, D) -> y (B, T, D)."""
    return torch.stack([_sequence(p, row, heads, depth, activation) for row in x])


def _sequence(p: Parameters, x: Tensor, heads: int, depth: int, activation: Activation) -> Tensor:
    size = x.shape[1] // heads
    states = [torch.zeros(size, size, dtype=x.dtype) for _ in range(heads)]
    outputs = []
    for t in range(len(x)):
        u = silu(conv(x, t, p["conv"])) if "conv" in p else x[t]  # (9)
        reads = []
        for h in range(heads):
            rows = slice(h * size, (h + 1) * size)
            query = (p["query"] @ u)[rows]
            residual = (p["value"] @ u)[rows] - u[rows]  # (14)
            alpha = sigmoid(p["alpha"][h] @ u + p["alpha_bias"][h])
            state, written = states[h], torch.zeros(size, size, dtype=x.dtype)
            for step in range(depth):
                key = (p[f"key{step}"] @ u)[rows]  # (12)
                key = key / torch.sqrt(key @ key + 1e-12)
                gain = (p[f"gain{step}"] @ u)[rows] if f"gain{step}" in p else 1.0  # (13)
                beta = p[f"gate{step}"][h] @ u  # (11)
                if step == 0:
                    beta = sigmoid(beta)
                    eye = torch.eye(size, dtype=x.dtype)
                    state = state @ (alpha * (eye - beta * torch.outer(key, key)))  # (17)
                delta = activation(gain * residual)  # (15)
                residual = residual - delta  # (16)
                written = written + beta * torch.outer(delta, key)  # (10)
            states[h] = state + written  # (18)
            reads.append(states[h] @ query / size**0.5)
        outputs.append(p["out"] @ torch.cat(reads))
    return torch.stack(outputs)
