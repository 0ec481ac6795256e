"""Rotary position embedding (RoPE, arXiv 2104.09864)."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["rotate"]


def rotate(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    """Turn each pair of features (i, i + d/2) of x by positions * base^(-2i/d).

    Args:
        x: (B, H, T, d), d even.
        positions: (B, T) or (T,), integers.
        base: the longest wavelength is 2 pi base.

    Returns:
        (B, H, T, d) in x's dtype; angles are computed in float32.
    """
    half = x.shape[-1] // 2
    exponents = torch.arange(half, dtype=torch.float32, device=x.device) / half
    angles = positions.unsqueeze(-1).float() * base**-exponents
    if positions.dim() == 2:
        angles = angles.unsqueeze(1)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
