"""The bounds of sequences packed along time, `cu_seqlens`: checked, and read as numbers."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

_RULE = "cu_seqlens must start at 0, never fall, and end at T"


def check_bounds(caller: str, cu_seqlens: Tensor, batch: int, time: int) -> int:
    """Check sequence bounds (N + 1,) against B = 1 and T; return N.

    Their values are read only where that does not block: on a CPU, outside a traced graph. On a
    GPU they are checked on the device, and a later call fails, as with any device-side assertion.

    Raises:
        ValueError: not a list of bounds that starts at 0, never falls, and ends at T.
    """
    rule = f"{caller}: cu_seqlens must be int32 or int64 of shape (N + 1,), N >= 1; got "
    if not isinstance(cu_seqlens, Tensor):
        raise ValueError(f"{rule}a {type(cu_seqlens).__name__}. Use torch.tensor(cu_seqlens).")
    whole = cu_seqlens.dtype in (torch.int32, torch.int64)
    if cu_seqlens.ndim != 1 or len(cu_seqlens) < 2 or not whole:
        raise ValueError(f"{rule}{cu_seqlens.dtype} of shape {tuple(cu_seqlens.shape)}")
    if batch != 1:
        raise ValueError(
            f"{caller}: cu_seqlens needs a batch of 1, the sequences packed along time; got "
            f"B = {batch}. Reshape (B, T, ...) to (1, B * T, ...) and set the bounds accordingly."
        )
    if cu_seqlens.device.type not in ("cpu", "meta"):
        rises = (cu_seqlens.diff() >= 0).all()
        fits = (cu_seqlens[0] == 0) & (cu_seqlens[-1] == time) & rises
        torch.ops.aten._assert_async.msg(fits, f"{caller}: {_RULE}")
    elif cu_seqlens.device.type == "cpu" and not torch.compiler.is_compiling():
        read_bounds(caller, cu_seqlens, time)
    return len(cu_seqlens) - 1


def read_bounds(caller: str, cu_seqlens: Tensor, time: int) -> tuple[int, ...]:
    """The numbers of (N + 1,) integer bounds; waits for the device they are on.

    Raises:
        ValueError: they do not start at 0, or fall, or do not end at T.
        NotImplementedError: they are mapped by torch.func.vmap.
    """
    try:
        bounds = tuple(int(bound) for bound in cu_seqlens.tolist())
    except RuntimeError as failure:  # a row of vmap's has no numbers of its own
        raise NotImplementedError(
            f"{caller}: cu_seqlens differs along an axis that torch.func.vmap maps, and scans of "
            "documents have no vmap rule: call once for each row, or put the axis into B"
        ) from failure
    falls = any(later < earlier for earlier, later in pairwise(bounds))
    if bounds[0] != 0 or bounds[-1] != time or falls:
        raise ValueError(
            f"{caller}: {_RULE} = {time}; got {_shorten(bounds)}. Padding at the end can be "
            "a sequence of its own."
        )
    return bounds


def _shorten(bounds: tuple[int, ...]) -> str:
    return str(list(bounds)) if len(bounds) <= 8 else f"[{str(list(bounds[:7]))[1:-1]}, ...]"
