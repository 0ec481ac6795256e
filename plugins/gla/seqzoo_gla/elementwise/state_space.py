"""The memory of selective state spaces: the selective scan, and the states it carries."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.operators import Carrier, Stream
from seqzoo.scan import SelectiveDecay
from seqzoo.scan.part import ScanPart

__all__ = ["StateSpace"]


class StateSpace(Carrier):
    """h_t = a_t * h_{t-1} + k_t v_t^T, y_t = q_t h_t, with N states a channel.

    Args:
        scan: the backend.
        decay: makes a_t of steps and rates.
        heads: H, groups of channels that share keys and queries.
        states: N.
        channels: D of a head.
    """

    def __init__(
        self, scan: ScanPart, decay: SelectiveDecay, heads: int, states: int, channels: int
    ) -> None:
        super().__init__()
        self.scan, self.decay = scan, decay
        self.shape = heads, states, channels

    def forward(
        self,
        steps: Tensor,
        rates: Tensor,
        keys: Tensor,
        values: Tensor,
        queries: Tensor,
        stream: Stream,
    ) -> Tensor:
        """What the states contribute to each token; see `seqzoo.scan.selective_scan`.

        Args:
            steps, values: (B, T, H, D).
            rates: (B, T, H, N, D), or 1 on axes to broadcast.
            keys, queries: (B, T, H, N).
            stream: carries h (B, H, N, D), float32 or wider.

        Returns:
            y (B, T, H, D) in float32 or wider.
        """
        wide = torch.promote_types(values.dtype, torch.float32)
        start = stream.past(self, "state", lambda: stream.zeros(values, *self.shape, dtype=wide))
        found = self.scan.selective(
            self.decay, steps, rates, keys, values, queries, start, stream.cu_seqlens
        )
        stream.keep(self, "state", found.state)
        return found.outputs
