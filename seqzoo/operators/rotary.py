"""Rotary position embedding (RoPE, arXiv 2104.09864)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from seqzoo.operators.stream import Carrier, Stream
from seqzoo.spec import SpecModel

__all__ = ["Rotary", "RotarySpec", "rotate"]


class RotarySpec(SpecModel):
    """How positions rotate queries and keys.

    Attributes:
        base: the longest wavelength is 2 pi base tokens.
        fraction: share of a head's features that are rotated, from the first on.
        pairs: features i and i + d/2 of the d rotated ones (halves), or 2i and 2i + 1 (neighbours).
    """

    base: float = Field(default=10_000.0, gt=1.0)
    fraction: float = Field(default=1.0, gt=0.0, le=1.0)
    pairs: Literal["halves", "neighbours"] = "halves"


class Rotary(Carrier):
    """Rotates x (B, T, H, d) by each token's position in its sequence."""

    def __init__(self, spec: RotarySpec, size: int) -> None:
        super().__init__()
        self.spec = spec
        self.turned = 2 * min(round(spec.fraction * size / 2), size // 2)
        if self.turned < 2:
            raise ValueError(f"RoPE turns pairs of features, and {spec.fraction} of {size} is none")

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, H, d) -> the same shape and dtype."""
        return self.turn(x, stream.positions(self, x))

    def turn(self, x: Tensor, positions: Tensor) -> Tensor:
        """x (B, T, H, d), positions (B, T) -> the same shape and dtype as x."""
        neighbours = self.spec.pairs == "neighbours"
        if self.turned == x.shape[-1]:
            return rotate(x, positions, self.spec.base, neighbours=neighbours)
        turned, rest = x[..., : self.turned], x[..., self.turned :]
        turned = rotate(turned, positions, self.spec.base, neighbours=neighbours)
        return torch.cat([turned, rest], dim=-1)


def rotate(
    x: Tensor, positions: Tensor, base: float = 10_000.0, *, neighbours: bool = False
) -> Tensor:
    """Rotate pair i of the features of x by the angle positions * base^(-2i/d).

    Args:
        x: (B, T, H, d), d even.
        positions: (B, T) or (T,), integers.
        base: the longest wavelength is 2 pi base.
        neighbours: pairs are features 2i and 2i + 1; else i and i + d/2.

    Returns:
        (B, T, H, d) in x's dtype; angles are computed in float32.
    """
    half = x.shape[-1] // 2
    exponents = torch.arange(half, dtype=torch.float32, device=x.device) / half
    angles = (positions.unsqueeze(-1).float() * base**-exponents).unsqueeze(-2)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    if neighbours:
        first, second = x[..., 0::2], x[..., 1::2]
        turned = torch.stack([first * cos - second * sin, second * cos + first * sin], dim=-1)
        return turned.flatten(-2)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
