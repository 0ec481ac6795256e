"""A key or query of Mamba-3: normed, with a bias per head, and rotated by given angles."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import Place

__all__ = ["TurnedKeys"]

EPSILON = 1e-5


class TurnedKeys(nn.Module):
    """Rot(theta) (w RMSNorm(W u) + b), W of each group of heads, b of each head from 1.

    Args:
        place: where the mixer stands.
        groups: of heads that share W's result; heads is a multiple of it.
        heads: H.
        size: K.
        rank: M, keys a token, which share w and the turn.

    Raises:
        ValueError: heads are not a multiple of groups.
    """

    def __init__(self, place: Place, groups: int, heads: int, size: int, rank: int) -> None:
        super().__init__()
        if heads % groups:
            raise ValueError(f"{heads} heads do not split into {groups} groups of equal size")
        self.shape, self.sharing = (rank, groups, size), heads // groups
        self.project = nn.Linear(place.width, rank * groups * size, bias=False)
        self.weight = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.ones(rank, heads, size))

    def forward(self, u: Tensor, angles: Tensor) -> Tensor:
        """u (B, T, D), angles (B, T, H, A) -> (B, T, M, H, K); the first 2 A of K are turned."""
        x = self.project(u).unflatten(-1, self.shape)
        x = F.rms_norm(x, x.shape[-1:], eps=EPSILON) * self.weight.to(x.dtype)
        x = x.repeat_interleave(self.sharing, dim=-2) + self.bias.to(x.dtype)
        angles = angles.unsqueeze(2)
        turned, rest = x[..., : 2 * angles.shape[-1]], x[..., 2 * angles.shape[-1] :]
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        first, second = turned[..., 0::2], turned[..., 1::2]
        turned = torch.stack([first * cos - second * sin, second * cos + first * sin], dim=-1)
        return torch.cat([turned.flatten(-2), rest], dim=-1)
