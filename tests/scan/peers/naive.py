"""The peers' plain torch functions, called with the arguments the benchmark gives their kernels.

They share no code with seqzoo, and reading the arguments from the benchmark shows that its calls of
the kernels mean what ours mean. They compute in float32, whatever they are given.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from scanning.peers import CHUNKED, Peer
from scanning.peers.fla import rwkv7_arguments
from scanning.recurrences import Leaves, Shape
from seqzoo.scan import ScanResult


@dataclass(frozen=True)
class Naive:
    """A plain function of fla.

    Args:
        recurrence: which it computes.
        name: module and function below fla.ops.
        heads_first: it takes (B, H, T, D).
        renamed: the benchmark's argument -> the function's.
    """

    recurrence: str
    name: str
    heads_first: bool = False
    renamed: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.recurrence}-{self.name.rpartition('.')[2]}"

    def __call__(self, leaves: Leaves) -> ScanResult:
        """Outputs and final state; an argument it does not know is left out, scale above all."""
        module, _, function = f"fla.ops.{self.name}".rpartition(".")
        call = imported(module, function)
        arguments = dict(kernel_arguments(self.recurrence, leaves))
        for ours, theirs in self.renamed:
            arguments[theirs] = arguments.pop(ours)
        known = inspect.signature(call).parameters
        arguments = {name: value for name, value in arguments.items() if name in known}
        if self.heads_first:
            arguments = {
                name: value.transpose(1, 2)
                if isinstance(value, Tensor) and name != "initial_state"
                else value
                for name, value in arguments.items()
            }
        outputs, state = call(**arguments)
        if self.heads_first:
            outputs = outputs.transpose(1, 2)
        return ScanResult(outputs, state.transpose(-1, -2))


DPLR = (("r", "q"), ("a", "alpha"), ("b", "beta"), ("w", "gk"))
NAIVE = (
    Naive("linear_attention", "linear_attn.naive.naive_recurrent_linear_attn"),
    Naive("simple_gla", "simple_gla.naive.naive_recurrent_simple_gla"),
    Naive("simple_gla", "simple_gla.naive.naive_chunk_simple_gla"),
    Naive("mamba2", "simple_gla.naive.naive_recurrent_simple_gla"),
    Naive("gla", "gla.naive.naive_recurrent_gla", renamed=(("g", "gk"),)),
    Naive("delta_rule", "delta_rule.naive.delta_rule_recurrence", heads_first=True),
    Naive("gated_delta_rule", "gated_delta_rule.naive.naive_recurrent_gated_delta_rule"),
    Naive("gated_delta_rule", "gated_delta_rule.naive.naive_chunk_gated_delta_rule"),
    Naive("kda", "kda.naive.naive_recurrent_kda"),
    Naive("kda", "kda.naive.naive_chunk_kda"),
    Naive(
        "rwkv7", "generalized_delta_rule.dplr.naive.dplr_recurrence", heads_first=True, renamed=DPLR
    ),
    Naive(
        "rwkv7", "generalized_delta_rule.dplr.naive.dplr_chunkwise", heads_first=True, renamed=DPLR
    ),
)


def kernel_arguments(recurrence: str, leaves: Leaves) -> dict[str, Any]:
    """What the benchmark gives fla's kernel for this recurrence, options of the kernel left out."""
    if recurrence == "rwkv7":
        return rwkv7_arguments(leaves)
    return fla_peer(recurrence).arguments(leaves)


def fla_peer(recurrence: str) -> Peer:
    """fla's chunked function beside a recurrence."""
    found = [p for p in CHUNKED if p.distribution == "fla-core" and p.recurrence == recurrence]
    return found[0]


def imported(module: str, function: str) -> Callable[..., Any]:
    """A peer's function; the test is skipped where the peer is not installed."""
    package = module.partition(".")[0]
    pytest.importorskip(package, reason=f"{package} is not installed: make test-peers")
    return getattr(importlib.import_module(module), function)


def make_leaves(recurrence: Any, seed: int = 0, time: int = 128, state: bool = True) -> Leaves:
    """Leaves in float32 with a starting state, T a multiple of every peer's chunk."""
    shape = Shape(2, time, 3, 16)
    leaves = recurrence.leaves(shape, torch.float32, torch.device("cpu"), seed)
    if state:
        generator = torch.Generator().manual_seed(seed + 1)
        leaves["state"] = torch.randn(2, 3, 16, 16, generator=generator)
    return leaves
