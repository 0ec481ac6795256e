"""Heads of any size as the kernels have them: zeros fill keys and values up to multiples of 16.

Rows that begin at multiples of 16 are loaded whole, where others would be loaded number by number,
each with an address in registers. Zeros in keys meet zeros in states, and add nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.scan.chunked.rows import ScanTensors

WHOLE = 16
"""Head sizes are multiples of it; Triton takes note of arguments that are."""


def padded(tensors: ScanTensors, state: Tensor | None) -> tuple[ScanTensors, Tensor | None]:
    """Tensors and state (N, H, V, K) with K and V filled up, differentiably; themselves if there
    is nothing to fill."""
    decay = tensors.log_decay
    by_channel = decay is not None and decay.ndim == tensors.queries.ndim
    return tensors._replace(
        queries=_filled(tensors.queries, 1),
        keys=_filled(tensors.keys, 1),
        values=_filled(tensors.values, 1),
        log_decay=_filled(decay, 1) if by_channel else decay,
        erase_read=_filled(tensors.erase_read, 1),
        erase_write=_filled(tensors.erase_write, 1),
    ), _filled(state, 2)


def _filled(tensor: Tensor | None, dims: int) -> Tensor | None:
    """The last dimensions up to multiples of WHOLE."""
    if tensor is None:
        return None
    missing = [-size % WHOLE for size in tensor.shape[: -dims - 1 : -1]]
    if not any(missing):
        return tensor
    return torch.nn.functional.pad(tensor, [n for size in missing for n in (0, size)])
