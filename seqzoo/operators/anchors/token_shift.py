"""Token shift, the two-token anchor of the RWKV family."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqzoo.operators.anchors.anchor import Anchor
from seqzoo.operators.operator import Dims, State
from seqzoo.operators.packing import place_in_document
from seqzoo.spec import PartSpec

__all__ = ["TokenShiftAnchor"]


class TokenShiftAnchor(Anchor):
    """u_t = x_t + mu * (x_{t-1} - x_t), a learned mix with the token before, a channel."""

    name = "token_shift"

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.mix = nn.Parameter(torch.full((dims.width,), 0.5))

    def initial_state(self, like: Tensor) -> State:
        """The token before: zeros (B, 1, D)."""
        return like.new_zeros(like.shape[0], 1, self.mix.numel())

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """x (B, T, D) -> u (B, T, D)."""
        seen = torch.cat([state, x], dim=1)
        return torch.lerp(x, seen[:, :-1], self.mix), seen[:, -1:]

    def packed(self, x: Tensor, cu_seqlens: Tensor) -> Tensor:
        """x (1, T, D) -> u (1, T, D); the token before a document's first is 0."""
        first = (place_in_document(cu_seqlens, x) == 0).unsqueeze(-1)
        return torch.lerp(x, x.roll(1, dims=1).masked_fill(first, 0.0), self.mix)
