"""The selective scan by the element-wise scan: for kernels, graphs and the token loop."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from seqzoo.scan.elementwise import elementwise_scan
from seqzoo.scan.recurrence import ScanResult
from seqzoo.scan.selective.decay import SelectiveDecay
from seqzoo.scan.selective.passes import Selective

__all__ = ["composed_scan"]

ELEMENTS = 1 << 21
"""The most elements of decays and states made at once, unless one channel has more."""


def composed_scan(
    decay: SelectiveDecay,
    inputs: Selective,
    state: Tensor,
    cu_seqlens: Tensor | None,
    backend: str,
) -> ScanResult:
    """y (B, T, H, D) and the states after the last tokens, in one dtype.

    Channels do not mix, so decays and states are made, scanned and read for a few channels at a
    time, and made again for the gradient.

    Args:
        decay: how decays are made.
        inputs: steps, rates, keys, values and queries.
        state: (B, H, N, D), or (N, H, N, D) if packed.
        cu_seqlens: (N + 1,) integer, or None.
        backend: of the element-wise scan.
    """
    keys, queries = inputs.keys.unsqueeze(-1), inputs.queries.unsqueeze(-1)

    def read(state: Tensor, steps: Tensor, rates: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        hidden, state = elementwise_scan(
            decay.log_decay(steps, rates),
            keys * values.unsqueeze(-2),
            state,
            cu_seqlens,
            backend=backend,
        )
        return (hidden * queries).sum(-2), state

    channels = state.shape[-1]
    some = max(1, ELEMENTS // max(1, queries.numel()))
    count = -(-channels // some)
    rates = inputs.rates
    pieces = zip(
        state.split(some, dim=-1),
        inputs.steps.split(some, dim=-1),
        rates.split(some, dim=-1) if rates.shape[-1] == channels else [rates] * count,
        inputs.values.split(some, dim=-1),
        strict=True,
    )
    found: list[Any]
    if count == 1 or not torch.is_grad_enabled():
        found = [read(*piece) for piece in pieces]
    else:
        found = [checkpoint(read, *piece, use_reentrant=False) for piece in pieces]
    return ScanResult(
        torch.cat([y for y, _ in found], dim=-1), torch.cat([state for _, state in found], dim=-1)
    )
