"""Take denormal numbers for zero.

Below its smallest normal number, 1.2e-38 in float32, a CPU computes a hundred times as slowly. The
gradient that reaches a token through the decays of many others passes through these numbers on its
way to zero: a step of a trained gated DeltaNet on multi-query recall took five times as long as one
at its start, and has the same gradients bit for bit with denormals taken for zero
(`benchmarks/denormals.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["flushed_denormals"]


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Take denormals for zero on the CPU inside the block, and restore the setting afterwards.

    Holds for the calling thread and for threads that torch starts inside the block. Torch starts
    its own at the first operation that is worth sharing out, and keeps them: enter before that. A
    processor without such a mode computes as before.
    """
    before = _are_flushed()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _are_flushed() -> bool:
    smallest = torch.tensor(torch.finfo(torch.float32).tiny, device="cpu")
    return not (smallest * 0.5).any()
