"""The scan of selective state spaces: N states for each channel, and a read of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from seqzoo.operators import Carrier, Stream
from seqzoo.scan.part import ScanPart

__all__ = ["StateSpace", "Terms"]

Terms = Callable[..., tuple[Tensor, Tensor]]
"""Some channels' tensors -> g <= 0 and b, (B, T, d, N) each."""

ELEMENTS = 1 << 21
"""At most so many elements of g, b and h are made at once, where one channel has no more."""


class StateSpace(Carrier):
    """h_t = exp(g_t) * h_{t-1} + b_t, y_t = sum_n c_tn h_tn, with N states a channel.

    g, b and h are N times as large as what they are made of. Channels do not mix, so they are made,
    scanned and read for a few channels at a time, and made again for the gradient.

    Args:
        scan: the backend.
        channels: D.
        states: N.
    """

    def __init__(self, scan: ScanPart, channels: int, states: int) -> None:
        super().__init__()
        self.scan = scan
        self.shape = channels, states

    def forward(
        self, terms: Terms, channels: Sequence[Tensor], reads: Tensor, stream: Stream
    ) -> Tensor:
        """What the states give each token.

        Args:
            terms: called with a slice of each of `channels`.
            channels: tensors (B, T, D) or parameters (D, N).
            reads: c (B, T, N).
            stream: carries h (B, D, N), float32 or wider.

        Returns:
            y (B, T, D) in float32 or wider.
        """
        wide = torch.promote_types(reads.dtype, torch.float32)
        start = stream.past(self, "state", lambda: stream.zeros(reads, *self.shape, dtype=wide))

        def read(state: Tensor, *some: Tensor) -> tuple[Tensor, Tensor]:
            log_decay, inputs = terms(*some)
            hidden, state = self.scan.elementwise(
                log_decay, inputs.to(wide), state, stream.cu_seqlens
            )
            return (hidden * reads.unsqueeze(-2)).sum(-1), state

        some = max(1, ELEMENTS // max(1, reads.numel()))
        pieces = zip(
            start.split(some, dim=1),
            *(each.split(some, dim=0 if each.ndim == 2 else 2) for each in channels),
            strict=True,
        )
        found: list[Any]
        if some >= self.shape[0] or not torch.is_grad_enabled():
            found = [read(*piece) for piece in pieces]
        else:
            found = [checkpoint(read, *piece, use_reentrant=False) for piece in pieces]
        stream.keep(self, "state", torch.cat([state for _, state in found], dim=1))
        return torch.cat([y for y, _ in found], dim=-1)
