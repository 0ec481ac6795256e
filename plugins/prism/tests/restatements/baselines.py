"""The baselines of the paper's Table 4 as released, token by token.

All stand behind SiLU of a causal depthwise convolution with a bias: linear attention and two kinds
of MoM (kernel 5), and softmax attention with one head and RoPE (kernel 3). The script runs the MoM
of half the width, `grouped_mom`; the other, `mom`, is defined and not run.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .functions import Parameters, conv, drawn, elu1, silu

__all__ = [
    "attention",
    "attention_parameters",
    "grouped_mom",
    "grouped_mom_parameters",
    "linear_attention",
    "linear_attention_parameters",
    "mom",
    "mom_parameters",
]


def _anchors(p: Parameters, x: Tensor) -> list[Tensor]:
    return [silu(conv(x, t, p["conv"]) + p["conv_bias"]) for t in range(len(x))]


def linear_attention_parameters(width: int, seed: int = 0) -> Parameters:
    """Random parameters; only the output projection has a bias."""
    square = (width, width)
    shapes: dict[str, tuple[int, ...]] = {"conv": (width, 5), "conv_bias": (width,)}
    shapes |= {"query": square, "key": square, "value": square}
    return drawn(seed, **shapes, out=square, out_bias=(width,))


def linear_attention(p: Parameters, x: Tensor) -> Tensor:
    """x (B, T, D) -> y (B, T, D): S_t = S_{t-1} + v k^T with q and k through elu + 1."""
    rows = []
    for row in x:
        state = torch.zeros(x.shape[2], x.shape[2], dtype=x.dtype)
        outputs = []
        for u in _anchors(p, row):
            query = elu1(p["query"] @ u) / len(u) ** 0.5
            state = state + torch.outer(p["value"] @ u, elu1(p["key"] @ u))
            outputs.append(p["out"] @ (state @ query) + p["out_bias"])
        rows.append(torch.stack(outputs))
    return torch.stack(rows)


def attention_parameters(width: int, seed: int = 0) -> Parameters:
    """Random parameters; only the convolution has a bias."""
    square = (width, width)
    shapes: dict[str, tuple[int, ...]] = {"conv": (width, 3), "conv_bias": (width,)}
    return drawn(seed, **shapes, query=square, key=square, value=square, out=square)


def attention(p: Parameters, x: Tensor) -> Tensor:
    """x (B, T, D) -> y (B, T, D): causal softmax attention, one head."""
    rows = []
    for row in x:
        keys: list[Tensor] = []
        values: list[Tensor] = []
        outputs = []
        for t, u in enumerate(_anchors(p, row)):
            query = _turned(p["query"] @ u, t)
            keys.append(_turned(p["key"] @ u, t))
            values.append(p["value"] @ u)
            scores = torch.stack([query @ key for key in keys]) / len(u) ** 0.5
            weights = torch.exp(scores - scores.max())
            weights = weights / weights.sum()
            read = sum(w * v for w, v in zip(weights, values, strict=True))
            outputs.append(p["out"] @ read)
        rows.append(torch.stack(outputs))
    return torch.stack(rows)


def _turned(x: Tensor, position: int) -> Tensor:
    """RoPE of one vector: features i and i + d/2 turn by the angle position * 10000^(-2i/d).

    Angles are float32 numbers, as in the release.
    """
    half = len(x) // 2
    exponents = torch.arange(half, dtype=torch.float32) / half
    angles = position * 10_000.0**-exponents
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[:half], x[half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin])


def mom_parameters(width: int, memories: int = 4, seed: int = 0) -> Parameters:
    """Random parameters; the router and the output projection have a bias."""
    square = (width, width)
    shapes: dict[str, tuple[int, ...]] = {"conv": (width, 5), "conv_bias": (width,)}
    shapes |= {"router": (memories, width), "router_bias": (memories,), "query": square}
    for memory in range(memories):
        shapes |= {f"key{memory}": square, f"value{memory}": square}
    return drawn(seed, **shapes, out=square, out_bias=(width,))


def mom(p: Parameters, x: Tensor, memories: int = 4) -> Tensor:
    """x (B, T, D) -> y (B, T, D): linear attentions that all run, their reads mixed softly."""
    rows = []
    for row in x:
        size = x.shape[2]
        states = [torch.zeros(size, size, dtype=x.dtype) for _ in range(memories)]
        outputs = []
        for u in _anchors(p, row):
            query = elu1(p["query"] @ u) / size**0.5
            routes = torch.exp(p["router"] @ u + p["router_bias"])
            routes = routes / routes.sum()
            read = torch.zeros(size, dtype=x.dtype)
            for memory in range(memories):
                key, value = elu1(p[f"key{memory}"] @ u), p[f"value{memory}"] @ u
                states[memory] = states[memory] + torch.outer(value, key)
                read = read + routes[memory] * (states[memory] @ query)
            outputs.append(p["out"] @ read + p["out_bias"])
        rows.append(torch.stack(outputs))
    return torch.stack(rows)


def grouped_mom_parameters(width: int, seed: int = 0) -> Parameters:
    """Random parameters; only the router has a bias. Of each group's matrices one is `_first`."""
    half = width // 2
    shapes: dict[str, tuple[int, ...]] = {"conv": (width, 5), "conv_bias": (width,)}
    shapes |= {"router": (4, width), "router_bias": (4,)}
    for group in ("first", "second"):
        shapes |= {f"qkv_{group}": (3 * width, half), f"out_{group}": (half, width)}
    return drawn(seed, **shapes)


def grouped_mom(p: Parameters, x: Tensor) -> Tensor:
    """x (B, T, D) -> y (B, T, D): four memories of D/2 x D/2, weighted and laid side by side.

    Projections have two groups, as a convolution's channels: the first half of the outputs is made
    of the first half of the inputs. The 6 D channels are queries, keys and values, each memory by
    memory. Neither queries nor reads are scaled.
    """
    rows = []
    for row in x:
        width = x.shape[2]
        half = width // 2
        states = [torch.zeros(half, half, dtype=x.dtype) for _ in range(4)]
        outputs = []
        for u in _anchors(p, row):
            channels = torch.cat([p["qkv_first"] @ u[:half], p["qkv_second"] @ u[half:]])
            routes = torch.exp(p["router"] @ u + p["router_bias"])
            routes = routes / routes.sum()
            reads = []
            for memory in range(4):
                query, key, value = (
                    channels[(4 * kind + memory) * half :][:half] for kind in range(3)
                )
                states[memory] = states[memory] + torch.outer(value, elu1(key))
                reads.append(routes[memory] * (states[memory] @ elu1(query)))
            first, second = torch.cat(reads[:2]), torch.cat(reads[2:])
            outputs.append(torch.cat([p["out_first"] @ first, p["out_second"] @ second]))
        rows.append(torch.stack(outputs))
    return torch.stack(rows)
