"""Keeping autocast away from states, running sums and gradients."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(tensor: Tensor) -> AbstractContextManager[None]:
    """Switches autocast off: it would run the state's float32 products in half precision."""
    device = tensor.device.type
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return torch.autocast(device, enabled=False)  # pyright: ignore[reportReturnType]
    return nullcontext()


def wide(tensor: Tensor) -> Tensor:
    """The tensor in float32, or as it is where its dtype is wider."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
