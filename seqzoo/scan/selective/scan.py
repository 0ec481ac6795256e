"""The selective scan h_t = a_t * h_{t-1} + k_t v_t^T, y_t = q_t h_t (Mamba-1, Longhorn)."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.scan.bounds import check_bounds
from seqzoo.scan.elementwise.choice import chosen_backend
from seqzoo.scan.ops.selective import selective_states
from seqzoo.scan.recurrence import ScanResult
from seqzoo.scan.selective.composed import composed_scan
from seqzoo.scan.selective.decay import SelectiveDecay
from seqzoo.scan.selective.passes import Selective
from seqzoo.scan.used import note

__all__ = ["selective_scan"]

CALLER, OPERATION = "selective_scan", "selective scan"


def selective_scan(
    decay: SelectiveDecay,
    steps: Tensor,
    rates: Tensor,
    keys: Tensor,
    values: Tensor,
    queries: Tensor,
    state: Tensor | None = None,
    cu_seqlens: Tensor | None = None,
    *,
    backend: str = "auto",
) -> ScanResult:
    """All y_t = q_t h_t of h_t = a_t * h_{t-1} + k_t v_t^T, N states for each of D channels.

    On a CPU one pass over the tokens makes, scans and reads the states, a few tokens at a time.
    Elsewhere, in graphs and by other backends the element-wise scan computes them.

    Args:
        decay: makes a_t (N, D) of a token's steps and rates.
        steps: (B, T, H, D).
        rates: (B, T, H, N, D), or 1 on axes to broadcast.
        keys, queries: (B, T, H, N), of H heads whose channels share them.
        values: (B, T, H, D).
        state: h_0 (B, H, N, D), or (S, H, N, D) with cu_seqlens; float32 or wider. None is zero.
        cu_seqlens: (S + 1,) integer, the bounds of S sequences packed along time, with B = 1.
        backend: of the element-wise scan: "reference", "chunked", "triton" or "auto".

    Returns:
        outputs (B, T, H, D), and the state after the last token, both in the widest dtype among the
        arguments, at least float32.

    Raises:
        ValueError: a shape, dtype or bound is wrong, or there is no such backend, or it cannot
            compute the problem.
    """
    rows = _check(steps, rates, keys, values, queries, state, cu_seqlens)
    tensors = [steps, rates, keys, values, queries]
    dtype = torch.float32
    for each in (*tensors, *([] if state is None else [state])):
        dtype = torch.promote_types(dtype, each.dtype)
    shape = (rows, *values.shape[2:3], keys.shape[-1], values.shape[-1])
    state = values.new_zeros(shape, dtype=dtype) if state is None else state.to(dtype)
    inputs = Selective(steps.unsqueeze(-2), *tensors[1:])
    inputs = Selective(*(each.to(dtype) for each in inputs))
    if values.numel() == 0:
        return ScanResult(torch.zeros_like(inputs.values), state)
    chosen = chosen_backend(CALLER, backend, (*inputs, state))
    on_cpu = values.device.type == "cpu"
    if chosen.backend == "chunked" and on_cpu and not torch.compiler.is_compiling():
        note(OPERATION, chosen.backend, chosen.reasons)
        return ScanResult(*selective_states(decay, inputs, state, cu_seqlens))
    return composed_scan(decay, inputs, state, cu_seqlens, backend)


def _check(
    steps: Tensor,
    rates: Tensor,
    keys: Tensor,
    values: Tensor,
    queries: Tensor,
    state: Tensor | None,
    cu_seqlens: Tensor | None,
) -> int:
    """Check the arguments; return the number of sequences.

    Raises:
        ValueError: one of them is wrong.
    """
    if values.ndim != 4:
        raise ValueError(
            f"{CALLER}: values must have shape (B, T, H, D), got {tuple(values.shape)}"
        )
    batch, time, heads, channels = values.shape
    states = keys.shape[-1]
    rows = batch if cu_seqlens is None else check_bounds(CALLER, cu_seqlens, batch, time)
    wanted = {
        "steps": (steps, (batch, time, heads, channels)),
        "keys": (keys, (batch, time, heads, states)),
        "queries": (queries, (batch, time, heads, states)),
        "state": (state, (rows, heads, states, channels)),
    }
    for name, (tensor, shape) in wanted.items():
        if tensor is not None and tuple(tensor.shape) != shape:
            raise ValueError(f"{CALLER}: {name} must have shape {shape}, got {tuple(tensor.shape)}")
    whole = (batch, time, heads, states, channels)
    if rates.ndim != 5 or any(
        size not in (1, full) for size, full in zip(rates.shape, whole, strict=True)
    ):
        raise ValueError(
            f"{CALLER}: rates must have shape {whole}, or 1 on axes to broadcast, got "
            f"{tuple(rates.shape)}"
        )
    for name, tensor in (*((key, value[0]) for key, value in wanted.items()), ("rates", rates)):
        if tensor is None:
            continue
        if not tensor.dtype.is_floating_point or tensor.device != values.device:
            raise ValueError(
                f"{CALLER}: {name} must be floating-point and on the values' device, "
                f"{values.device}, got {tensor.dtype} on {tensor.device}"
            )
    return rows
