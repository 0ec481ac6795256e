"""The element-wise scan h_t = exp(g_t) * h_{t-1} + b_t (Mamba-1, minGRU, HGRN, diagonal S5).

Cut into about sqrt(T) chunks of sqrt(T) tokens: first every chunk runs from zero, all chunks side
by side; then one pass carries the state from chunk to chunk; then each token adds what the carried
state left. About 2 sqrt(T) steps in place of T, linear in T in work and memory, and only ever
products of decays <= 1, so no decay is too strong. That is the torch path, `chunked`; on a GPU the
same three passes are kernels, `triton`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.errors import BackendError
from seqzoo.scan.ops import elementwise_states
from seqzoo.scan.problem import ScanResult, check_bounds
from seqzoo.scan.triton.available import available
from seqzoo.scan.triton.verdict import set_aside, warn_once


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
    refusal = refusal or available(inputs.device) or set_aside("elementwise", inputs.device)
    if refusal is None:
        return True
    if backend == "triton":
        raise BackendError(
            f"elementwise_scan: backend 'triton' cannot compute this problem: {refusal}. "
            'Use backend="auto" to take one that can.'
        )
    warn_once(refusal)
    return False


def _chunked(
    log_decay: Tensor,
    inputs: Tensor,
    state: Tensor | None,
    cu_seqlens: Tensor | None,
    num_sequences: int,
) -> ScanResult:
    """`elementwise_scan` of checked arguments in torch, on any device."""
    dtype = torch.promote_types(torch.promote_types(inputs.dtype, log_decay.dtype), torch.float32)
    if state is None:
        state = inputs.new_zeros(num_sequences, *inputs.shape[2:], dtype=dtype)
    dtype = torch.promote_types(dtype, state.dtype)
    state = state.to(dtype)
    if inputs.numel() == 0:
        return ScanResult(torch.zeros_like(inputs), state)
    log_decay = log_decay.to(dtype).expand_as(inputs)
    hidden, final = elementwise_states(log_decay, inputs.to(dtype), state, cu_seqlens)
    return ScanResult(hidden.to(inputs.dtype), final)


def _check(
    log_decay: Tensor, inputs: Tensor, state: Tensor | None, cu_seqlens: Tensor | None
) -> int:
    """Checks the arguments of `elementwise_scan`; returns the number of sequences."""
    caller = "elementwise_scan"
    given = (("log_decay", log_decay), ("inputs", inputs), ("state", state))
    for name, tensor in given:
        if not isinstance(tensor, Tensor) and (tensor is not None or name != "state"):
            raise ValueError(f"{caller}: {name} must be a tensor, got {type(tensor).__name__}")
    if inputs.ndim < 2:
        raise ValueError(f"{caller}: inputs must have shape (B, T, ...), got {tuple(inputs.shape)}")
    for name, tensor in given:
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
