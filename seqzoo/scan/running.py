"""The element-wise scan's two passes, as functions of plain tensors in one dtype.

    h_t = exp(g_t) h_{t-1} + b_t
    bar(h_t) = bar(o_t) + exp(g_{t+1}) bar(h_{t+1})        bar for gradients
    bar(b_t) = bar(h_t)        bar(g_t) = bar(h_t) exp(g_t) h_{t-1}

Both run in about sqrt(T) chunks of sqrt(T) tokens: first every chunk from zero, all chunks side by
side; then one pass from chunk to chunk; then each token adds what that pass left. Where one token
is enough work for a CPU, `by_token` does without chunks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from seqzoo.scan.bounds import read_bounds
from seqzoo.scan.by_token import is_wide, scan_back_by_token, scan_by_token
from seqzoo.scan.chunked.chunk_layout import (
    ChunkLayout,
    EqualChunks,
    PackedChunks,
    join_tokens,
    split_tokens,
)
from seqzoo.scan.chunked.state_pass import join


def running_forward(
    log_decay: Tensor, inputs: Tensor, state: Tensor, cu_seqlens: Tensor | None
) -> tuple[Tensor, Tensor]:
    """All h_t (B, T, ...), and the state after the last token (B, ...) or (N, ...).

    Args:
        log_decay, inputs: (B, T, ...), not empty.
        state: (B, ...), or (N, ...) if packed.
        cu_seqlens: (N + 1,) integer, or None.
    """
    if is_wide(inputs):
        return scan_by_token(log_decay, inputs, state, cu_seqlens)
    layout = _layout(inputs, cu_seqlens)
    hidden = _to_chunks(layout, inputs)
    left = _to_chunks(layout, log_decay).exp_()
    for t in range(1, layout.chunk):
        hidden[:, t].addcmul_(left[:, t], hidden[:, t - 1])
        left[:, t].mul_(left[:, t - 1])  # what is left at each token of the chunk's start
    first = _to_lanes(layout, state)
    starts, final = _carry(first, left[:, -1], hidden[:, -1], layout.active)
    hidden.addcmul_(left, starts[:, None])
    return (
        _to_tokens(layout, hidden, inputs.shape),
        layout.restore_states(final).reshape(state.shape),
    )


def running_backward(
    log_decay: Tensor,
    hidden: Tensor,
    state: Tensor,
    cu_seqlens: Tensor | None,
    of_hidden: Tensor | None,
    of_final: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of log_decay, inputs and state.

    Args:
        log_decay, state, cu_seqlens: as given to `running_forward`.
        hidden: the h_t it returned.
        of_hidden, of_final: the results' gradients; None is zero.
    """
    if of_hidden is None:
        of_hidden = torch.zeros_like(hidden)
    if is_wide(hidden):
        of_inputs, of_state = scan_back_by_token(log_decay, state, cu_seqlens, of_hidden, of_final)
    else:
        of_inputs, of_state = _chunks_back(log_decay, state, cu_seqlens, of_hidden, of_final)
    of_log_decay = log_decay.exp().mul_(of_inputs).mul_(_before(hidden, state, cu_seqlens))
    return of_log_decay, of_inputs, of_state


def _chunks_back(
    log_decay: Tensor,
    state: Tensor,
    cu_seqlens: Tensor | None,
    of_hidden: Tensor,
    of_final: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """The gradients of inputs and state; arguments as `running_backward`."""
    layout = _layout(of_hidden, cu_seqlens)
    gradient = _to_chunks(layout, of_hidden)
    decay = _to_chunks(layout, log_decay).exp_()
    for t in range(layout.chunk - 1, 0, -1):
        gradient[:, t - 1].addcmul_(decay[:, t], gradient[:, t])
    last = _to_lanes(layout, torch.zeros_like(state) if of_final is None else of_final)
    added = decay[:, 0] * gradient[:, 0]
    until = decay  # what reaches the chunk's end of the state before each token
    for t in range(layout.chunk - 2, -1, -1):
        until[:, t].mul_(until[:, t + 1])
    ends, of_first = _carry_back(last, until[:, 0], added, layout.active)
    gradient[:, :-1].addcmul_(until[:, 1:], ends[:, None])
    gradient[:, -1].add_(ends)

    of_inputs = _to_tokens(layout, gradient, of_hidden.shape)
    return of_inputs, layout.restore_states(of_first).reshape(state.shape)


def _before(hidden: Tensor, state: Tensor, cu_seqlens: Tensor | None) -> Tensor:
    """h_{t-1} at each token, (B, T, ...)."""
    if cu_seqlens is None:
        return torch.cat((state[:, None], hidden[:, :-1]), dim=1)
    before = hidden.roll(1, dims=1)
    starts, ends = cu_seqlens[:-1].long(), cu_seqlens[1:].long()
    held = (starts < ends).to(hidden.device)
    before[0, starts.to(hidden.device)[held]] = state[held]
    return before


def _layout(inputs: Tensor, cu_seqlens: Tensor | None) -> ChunkLayout:
    """Chunks of about sqrt(T) tokens, one head."""
    batch, time = inputs.shape[:2]
    if cu_seqlens is None:
        return EqualChunks(batch, time, 1, math.isqrt(time - 1) + 1)
    bounds = read_bounds("elementwise_scan", cu_seqlens, time)
    longest = max(end - start for start, end in pairwise(bounds))
    return PackedChunks(bounds, 1, math.isqrt(longest - 1) + 1, inputs.device)


def _to_chunks(layout: ChunkLayout, tensor: Tensor) -> Tensor:
    """(B, T, ...) -> (M, C, D), all trailing axes in D; always a copy."""
    batch, time = tensor.shape[:2]
    split = split_tokens(layout, tensor.reshape(batch, time, 1, -1))
    chunks = tensor.new_empty(split.shape)
    return chunks.copy_(split).flatten(0, 2)


def _to_tokens(layout: ChunkLayout, chunks: Tensor, shape: torch.Size) -> Tensor:
    """The inverse of `_to_chunks`; shape (B, T, ...)."""
    tokens = chunks.new_empty(*shape[:2], 1, chunks.shape[-1])
    return join_tokens(layout, chunks, tokens).view(shape)


def _to_lanes(layout: ChunkLayout, state: Tensor) -> Tensor:
    """(N, ...) -> (L, D) as the layout orders sequences."""
    return layout.order_states(state.reshape(len(state), 1, -1))


def _carry(
    state: Tensor, kept: Tensor, added: Tensor, lanes: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """h' = kept * h + added from chunk to chunk, as `carry`: state (L, D), the others
    (M, D) -> the state before each chunk (M, D), and the final states (L, D)."""
    starts: list[Tensor] = []
    finished: list[Tensor] = []
    steps = zip(lanes, kept.split(list(lanes)), added.split(list(lanes)), strict=True)
    for running, kept_j, added_j in steps:
        if running < len(state):
            finished.append(state[running:])
            state = state[:running]
        starts.append(state)
        state = torch.addcmul(added_j, kept_j, state)
    finished.append(state)
    return join(starts), join(finished[::-1])


def _carry_back(
    final: Tensor, kept: Tensor, added: Tensor, lanes: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """The same from the last chunk to the first: final (L, D), the others (M, D) -> the gradient
    of the state after each chunk (M, D), and of the states before the first (L, D)."""
    gradient = final[:0]
    ends: list[Tensor] = []
    steps = list(zip(lanes, kept.split(list(lanes)), added.split(list(lanes)), strict=True))
    for running, kept_j, added_j in reversed(steps):
        if running > len(gradient):
            gradient = torch.cat((gradient, final[len(gradient) : running]))
        ends.append(gradient)
        gradient = torch.addcmul(added_j, kept_j, gradient)
    return join(ends[::-1]), torch.cat((gradient, final[len(gradient) :]))
