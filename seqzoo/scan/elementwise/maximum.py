"""The running maximum m_t = max(g_t + m_{t-1}, i_t): the linear scan in the (max, +) semiring.

Layers with exponential gates divide by exp(m_t) to avoid overflow: mLSTM's stabiliser (arXiv
2405.04517), RWKV-4's running exponent (arXiv 2305.13048). There it cancels from the output and may
be detached.

Spans of tokens are combined, each from the one before it and twice as long each time: with G the
sum of a span's g and M its maximum, (G, M) after (G', M') is (G' + G, max(G + M', M)). That is
log2(T) steps over all tokens. The shorter way, G_t + max_s(i_s - G_s), subtracts large sums from
each other: it loses digits under strong decays and is NaN where a decay is -inf.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.scan.elementwise.check import check_elementwise
from seqzoo.scan.recurrence import ScanResult

__all__ = ["running_maximum"]


def running_maximum(
    log_decay: Tensor,
    inputs: Tensor,
    state: Tensor | None = None,
    cu_seqlens: Tensor | None = None,
) -> ScanResult:
    """All m_t of m_t = max(log_decay_t + m_{t-1}, inputs_t).

    Differentiable as often as wanted, and under vmap. The gradient is a subgradient: it goes to the
    term that is larger, and half to each where two are equal.

    Args:
        log_decay: g <= 0, (B, T, ...), broadcastable to the inputs; -inf forgets all.
        inputs: i, (B, T, ...), any trailing shape, none included; -inf adds nothing.
        state: m_0, (B, ...), or (N, ...) with cu_seqlens; float32 or wider. None is -inf.
        cu_seqlens: (N + 1,) integer, the bounds of N sequences packed along time, with B = 1. Their
            numbers are not read in a compiled graph.

    Returns:
        outputs (B, T, ...), and the state after the last token, both in the widest dtype among the
        arguments, at least float32: a rounded m would not cancel.

    Raises:
        ValueError: a shape, dtype or bound is wrong.
    """
    rows = check_elementwise("running_maximum", log_decay, inputs, state, cu_seqlens)
    dtype = torch.promote_types(torch.promote_types(inputs.dtype, log_decay.dtype), torch.float32)
    if state is None:
        state = inputs.new_full((rows, *inputs.shape[2:]), -torch.inf, dtype=dtype)
    dtype = torch.promote_types(dtype, state.dtype)
    state, maximum = state.to(dtype), inputs.to(dtype)
    if inputs.shape[1] == 0:
        return ScanResult(maximum, state)
    total = log_decay.to(dtype).expand_as(inputs)
    if cu_seqlens is None:
        first = torch.maximum(total[:, 0] + state, maximum[:, 0])
        maximum = torch.cat((first[:, None], maximum[:, 1:]), dim=1)
        maximum = _combine(total, maximum, None)
        return ScanResult(maximum, maximum[:, -1])
    lengths = cu_seqlens.diff().to(inputs.device)
    documents = torch.arange(len(lengths), device=inputs.device)
    document = documents.repeat_interleave(lengths, output_size=inputs.shape[1])
    new = torch.cat((document.new_ones(1, dtype=torch.bool), document.diff() > 0))
    new = new.view(1, -1, *[1] * (inputs.ndim - 2))
    from_state = torch.maximum(total + state[document], maximum)
    maximum = _combine(total, torch.where(new, from_state, maximum), new)
    last = (cu_seqlens[1:].to(inputs.device) - 1).clamp_min(0)
    any_token = (lengths > 0).view(-1, *[1] * (inputs.ndim - 2))
    return ScanResult(maximum, torch.where(any_token, maximum[0, last], state))


def _combine(total: Tensor, maximum: Tensor, new: Tensor | None) -> Tensor:
    """m_t from g and from i, whose first token of each sequence has met the state already.

    Args:
        total, maximum: (B, T, ...).
        new: (1, T, 1, ...), whether a token is the first of its sequence; None where only token 0
            is.
    """
    span, time = 1, maximum.shape[1]
    while span < time:
        earlier = total[:, span:] + maximum[:, :-span]
        if new is not None:  # not 'added to -inf': a NaN stays in its sequence
            earlier = torch.where(new[:, span:], -torch.inf, earlier)
            new = torch.cat((new[:, :span], new[:, span:] | new[:, :-span]), dim=1)
        longer = torch.maximum(earlier, maximum[:, span:])
        maximum = torch.cat((maximum[:, :span], longer), dim=1)
        total = torch.cat((total[:, :span], total[:, span:] + total[:, :-span]), dim=1)
        span *= 2
    return maximum
