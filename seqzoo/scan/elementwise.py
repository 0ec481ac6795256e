"""The element-wise scan h_t = exp(g_t) * h_{t-1} + b_t (Mamba-1, minGRU, HGRN, diagonal S5).

Cut into about sqrt(T) chunks of sqrt(T) tokens: first every chunk runs from zero, all chunks side
by side; then one pass carries the state from chunk to chunk; then each token adds what the carried
state left. About 2 sqrt(T) steps in place of T, linear in T in work and memory, and only ever
products of decays <= 1, so no decay is too strong. That is the torch path, `chunked`; on a GPU the
same three passes are kernels, `triton`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from seqzoo.scan.carry import join
from seqzoo.scan.layout import ChunkLayout, EqualChunks, PackedChunks, join_tokens, split_tokens
from seqzoo.scan.problem import ScanResult, check_bounds, read_bounds
from seqzoo.scan.triton.available import available


def elementwise_scan(
    log_decay: Tensor,
    inputs: Tensor,
    state: Tensor | None = None,
    cu_seqlens: Tensor | None = None,
    *,
    backend: str = "auto",
) -> ScanResult:
    """All h_t of h_t = exp(log_decay_t) * h_{t-1} + inputs_t, in parallel over chunks.

    Args:
        log_decay: g <= 0, (B, T, ...), broadcastable to the inputs; -inf forgets all.
        inputs: b, (B, T, ...), any trailing shape, none included.
        state: h_0, (B, ...), or (N, ...) with cu_seqlens; float32 or wider. None is zero.
        cu_seqlens: (N + 1,) integer, the bounds of N sequences packed along time, with B = 1.
        backend: "chunked", "triton", or "auto": triton on a GPU where it can compute the problem.

    Returns:
        outputs (B, T, ...) in the inputs' dtype, and the state after the last token, in the
        widest dtype among the arguments, at least float32.

    Raises:
        ValueError: a shape, dtype or bound is wrong, or there is no such backend, or it cannot
            compute the problem.
    """
    num_sequences = _check(log_decay, inputs, state, cu_seqlens)
    if _takes_triton(backend, log_decay, inputs, state):
        from seqzoo.scan.triton.elementwise_op import elementwise_triton

        return elementwise_triton(log_decay, inputs, state, cu_seqlens, num_sequences)
    return _chunked(log_decay, inputs, state, cu_seqlens, num_sequences)


def _takes_triton(backend: str, log_decay: Tensor, inputs: Tensor, state: Tensor | None) -> bool:
    """Whether the kernels compute the problem.

    Raises:
        ValueError: no such backend, or the kernels were asked for and cannot.
    """
    if backend == "chunked" or (backend == "auto" and inputs.device.type == "cpu"):
        return False
    if backend not in ("auto", "triton"):
        raise ValueError(
            f"elementwise_scan: no backend {backend!r}; there are auto, chunked, triton"
        )
    wide = [x for x in (log_decay, inputs, state) if x is not None and x.dtype == torch.float64]
    refusal = "it computes in float32, and an argument is float64" if wide else None
    refusal = refusal or available(inputs.device)
    if refusal is not None and backend == "triton":
        raise ValueError(
            f"elementwise_scan: backend 'triton' cannot compute this problem: {refusal}. "
            'Use backend="auto" to take one that can.'
        )
    return refusal is None


def _chunked(
    log_decay: Tensor,
    inputs: Tensor,
    state: Tensor | None,
    cu_seqlens: Tensor | None,
    num_sequences: int,
) -> ScanResult:
    """`elementwise_scan` of checked arguments in torch, on any device."""
    batch, time, *trailing = inputs.shape
    bounds = None if cu_seqlens is None else read_bounds("elementwise_scan", cu_seqlens, time)
    dtype = torch.promote_types(torch.promote_types(inputs.dtype, log_decay.dtype), torch.float32)
    if state is None:
        state = inputs.new_zeros(num_sequences, *trailing, dtype=dtype)
    dtype = torch.promote_types(dtype, state.dtype)
    state = state.to(dtype)
    if inputs.numel() == 0:
        return ScanResult(torch.zeros_like(inputs), state)

    # (B, T, ...) -> (M, C, D), all trailing axes in D
    flat = (batch, time, 1, -1)
    layout = _layout(batch, time, bounds, inputs.device)
    log_decay_chunks = _token_chunks(layout, log_decay.to(dtype).expand_as(inputs).reshape(flat))
    input_chunks = _token_chunks(layout, inputs.to(dtype).reshape(flat))
    first = layout.order_states(state.reshape(num_sequences, 1, -1))

    local = _scan_from_zero(log_decay_chunks.exp(), input_chunks)
    left = log_decay_chunks.cumsum(1).exp()  # what is left at each token of the chunk's start
    starts, final = _carry(first, left[:, -1], local[:, -1], layout.active)
    outputs = torch.addcmul(local, left, starts[:, None])
    return ScanResult(
        join_tokens(layout, outputs).reshape(inputs.shape).to(inputs.dtype),
        layout.restore_states(final).reshape(state.shape),
    )


def _layout(
    batch: int, time: int, bounds: tuple[int, ...] | None, device: torch.device
) -> ChunkLayout:
    """Chunks of about sqrt(T) tokens, one head."""
    if bounds is None:
        return EqualChunks(batch, time, 1, math.isqrt(time - 1) + 1)
    longest = max(end - start for start, end in pairwise(bounds))
    return PackedChunks(bounds, 1, math.isqrt(longest - 1) + 1, device)


def _token_chunks(layout: ChunkLayout, tensor: Tensor) -> Tensor:
    """(B, T, 1, D) -> (M, C, D)."""
    return split_tokens(layout, tensor).flatten(0, 2)


def _scan_from_zero(decay: Tensor, inputs: Tensor) -> Tensor:
    """Every chunk by itself, from h = 0: decay, inputs (M, C, D) -> (M, C, D)."""
    hidden: Tensor | None = None
    local: list[Tensor] = []
    for decay_t, input_t in zip(decay.unbind(1), inputs.unbind(1), strict=True):
        hidden = input_t if hidden is None else torch.addcmul(input_t, decay_t, hidden)
        local.append(hidden)
    return torch.stack(local, dim=1)


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


def _check(
    log_decay: Tensor, inputs: Tensor, state: Tensor | None, cu_seqlens: Tensor | None
) -> int:
    """Checks the arguments of `elementwise_scan`; returns the number of sequences."""
    caller = "elementwise_scan"
    if inputs.ndim < 2:
        raise ValueError(f"{caller}: inputs must have shape (B, T, ...), got {tuple(inputs.shape)}")
    for name, tensor in (("log_decay", log_decay), ("inputs", inputs), ("state", state)):
        if tensor is not None and not tensor.dtype.is_floating_point:
            raise ValueError(f"{caller}: {name} must be floating-point, got {tensor.dtype}")
        if tensor is not None and tensor.device != inputs.device:
            raise ValueError(
                f"{caller}: {name} must be on the inputs' device, {inputs.device}, got "
                f"{tensor.device}"
            )
    batch, time, *trailing = inputs.shape
    fits = log_decay.ndim == inputs.ndim and all(
        size in (1, wanted) for size, wanted in zip(log_decay.shape, inputs.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"{caller}: log_decay must have the inputs' shape {tuple(inputs.shape)}, or 1 on axes "
            f"to broadcast, got {tuple(log_decay.shape)}"
        )
    rows = batch if cu_seqlens is None else check_bounds(caller, cu_seqlens, batch, time)
    if state is not None:
        wanted = (rows, *trailing)
        if tuple(state.shape) != wanted or state.dtype.itemsize < torch.float32.itemsize:
            raise ValueError(
                f"{caller}: state must have shape {wanted}, float32 or wider, got "
                f"{tuple(state.shape)}, {state.dtype}"
            )
    return rows
