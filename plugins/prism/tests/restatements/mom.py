"""PRISM in routed memories: Algorithm 1's steps, one token and memory after the other.

Every memory has matrices of its own for value, keys, gains, gates and decay; convolution, query
and output are those of all. Memory 0 sees every token. Of the others softmax(W_r x) chooses k for
each token, with weights that sum to 1; the rest keep their state, and are not read.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .functions import Parameters, conv, drawn, gelu, sigmoid, silu

__all__ = ["mom_balance", "prism_mom", "prism_mom_parameters"]


def prism_mom_parameters(
    width: int, heads: int, depth: int, memories: int, kernel: int = 4, seed: int = 0
) -> Parameters:
    """Random parameters; names end in `_m` for memory m, of which 0 sees every token."""
    square = (width, width)
    shapes: dict[str, tuple[int, ...]] = {"conv": (width, kernel), "query": square, "out": square}
    shapes["router"] = (memories, width)
    for m in range(memories + 1):
        shapes |= {f"value_{m}": square, f"alpha_{m}": (heads, width), f"alpha_bias_{m}": (heads,)}
        for step in range(depth):
            shapes |= {f"key{step}_{m}": square, f"gain{step}_{m}": square}
            shapes |= {f"gate{step}_{m}": (heads, width)}
    return drawn(seed, **shapes)


def _scores(p: Parameters, token: Tensor) -> Tensor:
    scores = torch.exp(p["router"] @ token)
    return scores / scores.sum()


def _best(scores: Tensor, k: int) -> list[int]:
    return sorted(range(len(scores)), key=lambda m: -float(scores.detach()[m]))[:k]


def mom_balance(p: Parameters, x: Tensor, k: int) -> Tensor:
    """x (B, T, D) -> M sum_m f_m P_m over all its tokens."""
    scores = torch.stack([_scores(p, token) for row in x for token in row])
    memories = scores.shape[1]
    total = torch.zeros((), dtype=x.dtype)
    for m in range(memories):
        sent = sum(m in _best(each, k) for each in scores) / len(scores)
        total = total + sent * scores[:, m].sum() / len(scores)
    return memories * total


def prism_mom(p: Parameters, x: Tensor, heads: int, depth: int, k: int) -> Tensor:
    """x (B, T, D) -> y (B, T, D)."""
    return torch.stack([_sequence(p, row, heads, depth, k) for row in x])


def _sequence(p: Parameters, x: Tensor, heads: int, depth: int, k: int) -> Tensor:
    memories, size = len(p["router"]), x.shape[1] // heads
    empty = torch.zeros(size, size, dtype=x.dtype)
    states = {(m, h): empty for m in range(memories + 1) for h in range(heads)}
    outputs = []
    for t in range(len(x)):
        u = silu(conv(x, t, p["conv"]))
        scores = _scores(p, x[t])
        chosen = _best(scores, k)
        total = sum(scores[m] for m in chosen)
        weights = {0: 1.0} | {m + 1: scores[m] / total for m in chosen}
        reads = []
        for h in range(heads):
            rows = slice(h * size, (h + 1) * size)
            read = torch.zeros(size, dtype=x.dtype)
            for m, weight in weights.items():
                states[m, h] = _updated(p, states[m, h], u, rows, h, depth, f"_{m}")
                read = read + weight * (states[m, h] @ (p["query"] @ u)[rows])
            reads.append(read / size**0.5)
        outputs.append(p["out"] @ torch.cat(reads))
    return torch.stack(outputs)


def _updated(
    p: Parameters, state: Tensor, u: Tensor, rows: slice, h: int, depth: int, own: str
) -> Tensor:
    """S A + B of one head of one memory, by Eqs. 10 to 18."""
    residual = (p[f"value{own}"] @ u)[rows] - u[rows]
    alpha = sigmoid(p[f"alpha{own}"][h] @ u + p[f"alpha_bias{own}"][h])
    written = torch.zeros_like(state)
    for step in range(depth):
        key = (p[f"key{step}{own}"] @ u)[rows]
        key = key / torch.sqrt(key @ key + 1e-12)
        beta = p[f"gate{step}{own}"][h] @ u
        if step == 0:
            beta = sigmoid(beta)
            state = alpha * (state - beta * torch.outer(state @ key, key))
        delta = gelu((p[f"gain{step}{own}"] @ u)[rows] * residual)
        residual = residual - delta
        written = written + beta * torch.outer(delta, key)
    return state + written
