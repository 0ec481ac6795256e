"""Decay where a token has several micro-steps: once, before the first."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

__all__ = ["before_first_step"]


def before_first_step(log_decay: Tensor, steps: int) -> Tensor:
    """g (B, T, H) or (B, T, H, K) -> (B, T * steps, ...), 0 except at each token's first step."""
    if steps == 1:
        return log_decay
    apart = log_decay.unsqueeze(2)
    return F.pad(apart, (0, 0) * (apart.ndim - 3) + (0, steps - 1)).flatten(1, 2)
