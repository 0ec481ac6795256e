"""Token shift, the two-token anchor of the RWKV family."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqzoo.operators.anchors.anchor import Anchor
from seqzoo.operators.place import Dims
from seqzoo.operators.stream import Stream
from seqzoo.operators.token_shift import PreviousToken
from seqzoo.spec import PartSpec

__all__ = ["TokenShiftAnchor"]


class TokenShiftAnchor(Anchor):
    """u_t = x_t + mu * (x_{t-1} - x_t), a learned mix with the token before, for each channel."""

    name = "token_shift"

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.mix = nn.Parameter(torch.full((dims.width,), 0.5))
        self.previous = PreviousToken()

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> u (B, T, D)."""
        return torch.lerp(x, self.previous(x, stream), self.mix.to(x.dtype))
