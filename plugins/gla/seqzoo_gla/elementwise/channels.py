"""The state of channels that do not mix, carried from call to call."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.errors import counted
from seqzoo.operators import Carrier, Stream
from seqzoo.scan.part import ScanPart

__all__ = ["Channels"]


class Channels(Carrier):
    """h_t = exp(g_t) * h_{t-1} + b_t, a state for each channel.

    Args:
        scan: the backend.
        channels: of the state.
    """

    def __init__(self, scan: ScanPart, channels: int) -> None:
        super().__init__()
        self.scan = scan
        self.count = channels

    def forward(self, log_decay: Tensor, inputs: Tensor, stream: Stream) -> Tensor:
        """g <= 0 and b (B, T, channels) -> h (B, T, channels), float32 or wider."""
        wide = torch.promote_types(inputs.dtype, torch.float32)
        start = stream.past(self, "state", lambda: stream.zeros(inputs, self.count, dtype=wide))
        found = self.scan.elementwise(log_decay, inputs.to(wide), start, stream.cu_seqlens)
        stream.keep(self, "state", found.state)
        return found.outputs

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The equation, for `seqzoo describe`."""
        return (("state", f"h_t = exp(g_t) * h_{{t-1}} + b_t; {counted(self.count, 'channel')}"),)
