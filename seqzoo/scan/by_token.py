"""The element-wise scan's two passes, token after token, where a token holds many numbers.

    h_t = exp(g_t) h_{t-1} + b_t
    bar(h_t) = bar(o_t) + exp(g_{t+1}) bar(h_{t+1})        bar for gradients

On a CPU an operation over a few thousand numbers takes longer than the call itself. Then the plain
order is fastest: each number is touched once, in place, whereas chunks side by side (`running`) go
over all of them several times.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo.scan.bounds import read_bounds

__all__ = ["is_wide", "scan_back_by_token", "scan_by_token"]

WIDE = 1 << 11
"""From this many numbers per token on, tokens are processed one after another."""


class Span(NamedTuple):
    """A sequence of at least one token: its rows in the inputs and states, and its tokens."""

    rows: slice
    states: slice
    start: int
    end: int


def is_wide(inputs: Tensor) -> bool:
    """Whether inputs (B, T, ...) on a CPU have tokens that wide."""
    return inputs.device.type == "cpu" and inputs.numel() >= WIDE * inputs.shape[1]


def scan_by_token(
    log_decay: Tensor, inputs: Tensor, state: Tensor, cu_seqlens: Tensor | None
) -> tuple[Tensor, Tensor]:
    """All h_t (B, T, ...), and the state after the last token; as `running_forward`."""
    hidden, decays = inputs.clone(memory_format=torch.contiguous_format), log_decay.exp()
    final = state.clone()
    for rows, states, start, end in _spans(inputs, cu_seqlens):
        before = state[states]
        tokens = zip(
            decays[rows, start:end].unbind(1), hidden[rows, start:end].unbind(1), strict=True
        )
        for decay_t, hidden_t in tokens:
            hidden_t.addcmul_(decay_t, before)
            before = hidden_t
        final[states] = before
    return hidden, final


def scan_back_by_token(
    log_decay: Tensor,
    state: Tensor,
    cu_seqlens: Tensor | None,
    of_hidden: Tensor,
    of_final: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """The gradients of inputs and state; arguments as `running_backward`."""
    gradient = of_hidden.clone(memory_format=torch.contiguous_format)
    of_state = torch.zeros_like(state) if of_final is None else of_final.clone()
    decays = log_decay.exp()
    for rows, states, start, end in _spans(of_hidden, cu_seqlens):
        of_tokens = gradient[rows, start:end].unbind(1)
        decays_at = decays[rows, start:end].unbind(1)
        of_tokens[-1].add_(of_state[states])
        for t in range(len(of_tokens) - 1, 0, -1):
            of_tokens[t - 1].addcmul_(decays_at[t], of_tokens[t])
        of_state[states] = decays_at[0] * of_tokens[0]
    return gradient, of_state


def _spans(inputs: Tensor, cu_seqlens: Tensor | None) -> Iterator[Span]:
    whole = slice(None)
    if cu_seqlens is None:
        yield Span(whole, whole, 0, inputs.shape[1])
        return
    bounds = read_bounds("elementwise_scan", cu_seqlens, inputs.shape[1])
    for n, (start, end) in enumerate(pairwise(bounds)):
        if start < end:
            yield Span(whole, slice(n, n + 1), start, end)
