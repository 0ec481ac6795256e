"""Restrict torch to kernels that give the same bits each time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from seqzoo.errors import RunError

__all__ = ["determinism"]


@contextmanager
def determinism(wanted: bool) -> Iterator[None]:
    """Switch torch to its deterministic mode inside the block, and back afterwards.

    Raises:
        RunError: the run needs a kernel that has no deterministic form.
    """
    if not wanted:
        yield
        return
    strict = torch.are_deterministic_algorithms_enabled()
    lenient = torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic
    fills, benchmark = memory.fill_uninitialized_memory, torch.backends.cudnn.benchmark
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS starts
    torch.use_deterministic_algorithms(True)
    memory.fill_uninitialized_memory = False  # finds errors, costs time
    torch.backends.cudnn.benchmark = False
    try:
        yield
    except RuntimeError as failure:
        if "deterministic" not in str(failure):
            raise
        reason = str(failure).partition(".")[0]
        raise RunError(
            f"train.deterministic: {reason}; write deterministic: false, or choose a part or a "
            "train.device that does not need it"
        ) from failure
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=lenient)
        memory.fill_uninitialized_memory = fills
        torch.backends.cudnn.benchmark = benchmark
