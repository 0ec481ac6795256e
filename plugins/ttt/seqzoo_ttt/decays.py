"""Products of decays between any two tokens."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["decays"]


def decays(logs: Tensor) -> Tensor:
    """exp(sum of l over i < l <= r), 0 above the diagonal: (.., n) -> (.., r, i)."""
    total = logs.cumsum(-1)
    below = torch.ones(logs.shape[-1], logs.shape[-1], dtype=torch.bool, device=logs.device).tril()
    differences = total.unsqueeze(-1) - total.unsqueeze(-2)
    return differences.masked_fill(~below, -torch.inf).exp()
