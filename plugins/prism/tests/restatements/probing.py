"""The mixer that the paper's Table 4 was run with, as its authors released it, token by token.

One head of size d; no forget; low-rank keys and gains (d/4, no bias); a gate a step with a bias
and no squashing. The read is transposed: the query meets delta, and the key comes out.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .functions import Parameters, conv, drawn, elu1, gelu, silu

__all__ = ["probing", "probing_parameters"]


def probing_parameters(width: int, depth: int, kernel: int = 5, seed: int = 0) -> Parameters:
    """Random parameters: L = 1 as the paper's table was run, L = 2 as its text says."""
    square, down, up = (width, width), (width // 4, width), (width, width // 4)
    shapes: dict[str, tuple[int, ...]] = {"conv": (width, kernel), "conv_bias": (width,)}
    shapes |= {"query": square, "value": square, "out": square}
    for step in range(depth):
        shapes |= {f"key_down{step}": down, f"key_up{step}": up}
        shapes |= {f"gain_down{step}": down, f"gain_up{step}": up}
        shapes |= {f"gate{step}": (width,), f"gate_bias{step}": ()}
    return drawn(seed, **shapes)


def probing(p: Parameters, x: Tensor, depth: int) -> Tensor:
    """x (B, T, D) -> y (B, T, D)."""
    return torch.stack([_sequence(p, row, depth) for row in x])


def _sequence(p: Parameters, x: Tensor, depth: int) -> Tensor:
    size = x.shape[1]
    state = torch.zeros(size, size, dtype=x.dtype)
    outputs = []
    for t in range(len(x)):
        u = silu(conv(x, t, p["conv"]) + p["conv_bias"])
        query = elu1(p["query"] @ u) / size**0.5
        residual = p["value"] @ u - u
        for step in range(depth):
            key = p[f"key_up{step}"] @ (p[f"key_down{step}"] @ u)
            gain = p[f"gain_up{step}"] @ (p[f"gain_down{step}"] @ u)
            gate = p[f"gate{step}"] @ u + p[f"gate_bias{step}"]
            delta = gelu(gain * residual)
            state = state + gate * torch.outer(delta, key)
            residual = residual - delta
        outputs.append(p["out"] @ (state.T @ query))
    return torch.stack(outputs)
