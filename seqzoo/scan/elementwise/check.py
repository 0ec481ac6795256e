"""Checks of the arguments that the element-wise scans share."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.scan.bounds import check_bounds

__all__ = ["check_elementwise"]


def check_elementwise(
    caller: str,
    log_decay: Tensor,
    inputs: Tensor,
    state: Tensor | None,
    cu_seqlens: Tensor | None,
) -> int:
    """Check the arguments of an element-wise scan; return the number of sequences.

    Raises:
        ValueError: a shape, dtype, device or bound is wrong; names the caller.
    """
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
