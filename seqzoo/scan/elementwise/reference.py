"""The element-wise scan token by token, exactly as its equation reads: slow, the oracle of the
others.

Any dtype and device, differentiable as often as wanted, in forward mode and under vmap too.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from seqzoo.scan.bounds import read_bounds

__all__ = ["elementwise_loop"]


def elementwise_loop(
    log_decay: Tensor, inputs: Tensor, state: Tensor, cu_seqlens: Tensor | None
) -> tuple[Tensor, Tensor]:
    """All h_t (B, T, ...) of h_t = exp(g_t) h_{t-1} + b_t, and the states after the last tokens.

    Args:
        log_decay, inputs: (B, T, ...), in one dtype.
        state: (B, ...), or (N, ...) with cu_seqlens.
        cu_seqlens: (N + 1,) integer, or None.
    """
    batch, time = inputs.shape[:2]
    if cu_seqlens is None:
        sequences = [(slice(0, batch), 0, time)]
    else:
        spans = pairwise(read_bounds("elementwise_scan", cu_seqlens, time))
        sequences = [(slice(n, n + 1), start, end) for n, (start, end) in enumerate(spans)]
    outputs, finals = [], []
    for rows, start, end in sequences:
        hidden = state[rows]
        for t in range(start, end):
            hidden = log_decay[:, t].exp() * hidden + inputs[:, t]
            outputs.append(hidden)
        finals.append(hidden)
    return torch.stack(outputs, dim=1), torch.cat(finals)
