"""Fill uninitialised memory with NaN, so that reading it shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils import deterministic as torch_deterministic

__all__ = ["filled_with_nan"]


@contextmanager
def filled_with_nan() -> Iterator[None]:
    """Fill the memory of `torch.empty` with NaN within the block."""
    settings: Any = torch_deterministic  # its one setting is a property of the module
    enabled = torch.are_deterministic_algorithms_enabled()
    filled = settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    settings.fill_uninitialized_memory = True
    try:
        yield
    finally:
        settings.fill_uninitialized_memory = filled
        torch.use_deterministic_algorithms(enabled)
