"""Random inputs for fla's plain functions, and the comparison of ours with them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from seqzoo.scan import ScanResult

from ..oracle import error_ratio

__all__ = ["CLOSE", "B", "D", "Function", "H", "Inputs", "T", "compare", "draw", "flipped", "one"]

CLOSE = 1e-5  # error ratio: fla's functions compute in float32
B, T, H, D = 2, 64, 3, 16
Inputs = dict[str, Tensor]
Function = Callable[[Inputs], ScanResult]


def draw(names: str, seed: int = 0) -> Inputs:
    """Named inputs: unit keys, gates in (0, 1), log decays below 0, a state."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*sizes: int) -> Tensor:
        return torch.randn(sizes, generator=generator)

    def decays(*sizes: int) -> Tensor:
        return F.logsigmoid(normal(*sizes)) / 4

    makers: dict[str, Callable[[], Tensor]] = {
        "q": lambda: normal(B, T, H, D),
        "k": lambda: F.normalize(normal(B, T, H, D), dim=-1),
        "a": lambda: F.normalize(normal(B, T, H, D), dim=-1),
        "v": lambda: normal(B, T, H, D),
        "features": lambda: normal(B, T, H, D).sigmoid(),
        "g": lambda: decays(B, T, H, D),
        "gate": lambda: decays(B, T, H),
        "other_gate": lambda: decays(B, T, H),
        "slots": lambda: normal(B, T, H, D),
        "slot_gate": lambda: decays(B, T, H, D),
        "erase": lambda: normal(B, T, H, D).sigmoid(),
        "write": lambda: normal(B, T, H, D).sigmoid(),
        "beta": lambda: normal(B, T, H).sigmoid(),
        "rate": lambda: normal(B, T, H).sigmoid(),
        "bonus": lambda: normal(H, D),
        "shift": lambda: normal(H, D),
        "of_head": lambda: normal(H),
        "state": lambda: normal(B, H, D, D),
        "diagonal": lambda: normal(B, H, D).square(),
    }
    return {name: makers[name]() for name in names.split()}


def compare(ours: Function, theirs: Function, inputs: Inputs) -> None:
    """Outputs, final state and the gradients of every input."""
    found, expected = (_results(function, inputs) for function in (ours, theirs))
    ratios = {name: error_ratio(found[name], expected[name]) for name in expected}
    assert max(ratios.values()) < CLOSE, ratios


def _results(function: Function, inputs: Inputs) -> Inputs:
    leaves = {name: leaf.clone().requires_grad_() for name, leaf in inputs.items()}
    ends = [end for end in function(leaves) if end.numel()]
    generator = torch.Generator().manual_seed(5)
    weights = [torch.randn(end.shape, generator=generator) for end in ends]
    gradients = torch.autograd.grad(ends, list(leaves.values()), weights)
    named = {f"d {name}": each for name, each in zip(leaves, gradients, strict=True)}
    return {f"result {number}": end for number, end in enumerate(ends)} | named


def flipped(state: Tensor) -> Tensor:
    """Their state (K, V) is our (V, K)."""
    return state.transpose(-1, -2)


def one(keys: Tensor) -> Tensor:
    """A rank axis."""
    return keys.unsqueeze(2)
