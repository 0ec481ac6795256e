"""Where the chunks lie: a table on the device for packed sequences, arithmetic for equal ones."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class ChunkTable(NamedTuple):
    """The chunks of sequences packed along time, made on the device, nothing read back.

    There are at most T // C + N chunks; those beyond the real ones have no token.

    Attributes:
        starts: (chunks,) int64, each chunk's first token.
        counts: (chunks,) int32, how many tokens it has, 0 to C.
        bounds: (N + 1,) int64, where each sequence begins and ends.
        first: (N + 1,) int64, each sequence's first chunk.
    """

    starts: Tensor
    counts: Tensor
    bounds: Tensor
    first: Tensor


def chunk_table(cu_seqlens: Tensor, time: int, chunk: int) -> ChunkTable:
    """The table of (N + 1,) bounds of T tokens, in chunks of C that no two sequences share."""
    bounds = cu_seqlens.to(torch.int64)
    per_sequence = (bounds.diff() + (chunk - 1)) // chunk
    first = torch.cat((bounds.new_zeros(1), per_sequence.cumsum(0)))
    number = torch.arange(time // chunk + len(bounds) - 1, device=bounds.device)
    sequence = torch.searchsorted(first, number, right=True) - 1
    held = sequence < len(bounds) - 1
    sequence = sequence.clamp(max=len(bounds) - 2)
    starts = bounds[sequence] + (number - first[sequence]) * chunk
    counts = (bounds[sequence + 1] - starts).clamp(max=chunk).where(held, 0)
    return ChunkTable(starts, counts.to(torch.int32), bounds, first)
