"""PRISM's language-model mixer as released, with its recurrence exact, token by token.

x is what the block's LayerNorm gives. A token erases along the normalised base key, then decays
every channel, then writes the base pair at strength 1 and L refinement steps. Ablations: r2, all
steps share step 1's key; r3, no retain product; r4, step 1 uses the base key; r5, all do.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from .functions import Parameters, conv, drawn, layer_norm, sigmoid, silu

__all__ = ["Variant", "lm", "lm_parameters"]

Variant = Literal["", "r2", "r3", "r4", "r5"]


def steps_with_a_key(variant: Variant, depth: int) -> range:
    """The steps that have a key of their own."""
    own = {"r2": range(1), "r4": range(1, depth), "r5": range(0)}
    return own.get(variant, range(depth))


def lm_parameters(
    width: int,
    heads: int,
    depth: int,
    variant: Variant = "",
    rank: int = 8,
    decay_rank: int = 4,
    kernel: int = 7,
    seed: int = 0,
) -> Parameters:
    """Random parameters, without those that a variant does not use."""
    shapes: dict[str, tuple[int, ...]] = {"conv": (width, kernel), "conv_bias": (width,)}
    shapes |= {"anchor_norm": (width,), "anchor_norm_bias": (width,)}
    for name in ("U", "v", "q", "k", "g"):
        shapes |= {name: (width, width), f"{name}_bias": (width,)}
    for step in range(depth):
        shapes |= {f"gain_down{step}": (rank, width), f"gain_down_bias{step}": (rank,)}
        shapes |= {f"gain_up{step}": (width, rank)}
        shapes |= {f"gate{step}": (heads, width), f"gate_bias{step}": (heads,)}
    for step in steps_with_a_key(variant, depth):
        shapes |= {f"key_down{step}": (rank, width), f"key_down_bias{step}": (rank,)}
        shapes |= {f"key_up{step}": (width, rank)}
    shapes |= {"decay_down": (decay_rank, width), "decay_down_bias": (decay_rank,)}
    shapes |= {"decay_up": (width, decay_rank), "decay_up_bias": (width,), "erase": (heads, width)}
    shapes |= {"out_norm": (width,), "out_norm_bias": (width,)}
    shapes |= {"w1": (4 * width, width), "w1_bias": (4 * width,)}
    shapes |= {"w2": (width, 4 * width), "w2_bias": (width,)}
    return drawn(seed, **shapes)


def lm(p: Parameters, x: Tensor, heads: int, depth: int, variant: Variant = "") -> Tensor:
    """x (B, T, D), normalised -> what the block adds to its residual stream (B, T, D)."""
    return torch.stack([_sequence(p, row, heads, depth, variant) for row in x])


def _affine(p: Parameters, name: str, x: Tensor, step: int | str = "") -> Tensor:
    return p[f"{name}{step}"] @ x + p[f"{name}_bias{step}"]


def _sequence(p: Parameters, x: Tensor, heads: int, depth: int, variant: Variant) -> Tensor:
    size = x.shape[1] // heads
    states = [torch.zeros(size, size, dtype=x.dtype) for _ in range(heads)]
    outputs = []
    for t in range(len(x)):
        u = conv(x, t, p["conv"]) + p["conv_bias"]
        u = layer_norm(u, p["anchor_norm"], p["anchor_norm_bias"])
        value, query, base = (_affine(p, name, u) for name in ("v", "q", "k"))
        alpha = sigmoid(_affine(p, "decay_up", _affine(p, "decay_down", x[t]))) ** (1 / 16)
        alpha = alpha.clamp(min=0.01)
        erase = sigmoid(p["erase"] @ x[t])
        deltas, keys, gates = _steps(p, u, value, base, depth, variant)
        reads = []
        for h in range(heads):
            rows = slice(h * size, (h + 1) * size)
            key = base[rows]
            unit = key / torch.sqrt(key @ key + 1e-12)
            state = states[h] - erase[h] * torch.outer(states[h] @ unit, unit)
            state = state * alpha[rows]  # column j, key channel j, decays by alpha_j
            state = state + torch.outer(value[rows], key)
            for delta, step_key, gate in zip(deltas, keys, gates, strict=True):
                state = state + gate[h] * torch.outer(delta[rows], step_key[rows])
            states[h] = state
            reads.append(state @ query[rows])
        reads = silu(_affine(p, "g", x[t])) * torch.cat(reads)
        mixed = _affine(p, "U", u) * layer_norm(reads, p["out_norm"], p["out_norm_bias"])
        outputs.append(_affine(p, "w2", silu(_affine(p, "w1", mixed))))
    return torch.stack(outputs)


def _steps(
    p: Parameters, u: Tensor, value: Tensor, base: Tensor, depth: int, variant: Variant
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """delta, key and gate of each step."""
    own = {
        step: p[f"key_up{step}"] @ _affine(p, "key_down", u, step)
        for step in steps_with_a_key(variant, depth)
    }
    deltas, keys, gates = [], [], []
    retained = torch.ones_like(value)
    for step in range(depth):
        gain = sigmoid(p[f"gain_up{step}"] @ _affine(p, "gain_down", u, step))
        deltas.append(gain * (retained * value))
        if variant != "r3":
            retained = retained * (1 - gain)
        keys.append(own[0] if variant == "r2" else own.get(step, base))
        gates.append(sigmoid(_affine(p, "gate", u, step)))
    return deltas, keys, gates
