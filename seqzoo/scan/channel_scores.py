"""Scores within a chunk under a decay per key channel.

    scores[(l, j), i] = sum_c k^l_jc x_ic exp(g_{j+1,c} + ... + g_{i,c})

Tokens j < i part at exactly one dyadic midpoint: the boundary between the two halves of the
smallest aligned block of 2, 4, 8, ... tokens that holds both. The decay between them is the decay
from j to that boundary times the decay from there to i, both <= 1. So each level is one matrix
product of its upper halves' rows with its lower halves' keys, and (C, C, K) is never formed.
Doubling the blocks multiplies the upper rows by the lower half's whole decay and the lower keys by
the upper half's; at block size C the rows are the chunk's starts and the keys its ends.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class ChannelScores(NamedTuple):
    """The results of `channel_scores`; see `ChunkFactors` for their meaning."""

    query_scores: Tensor
    erase_scores: Tensor | None
    query_starts: Tensor
    erase_starts: Tensor | None
    key_ends: Tensor
    kept: Tensor


def channel_scores(
    query_rows: Tensor, erase_rows: Tensor | None, keys: Tensor, decay: Tensor, met: Tensor
) -> ChannelScores:
    """The decayed, causal scores of queries and erase reads with all key streams.

    Args:
        query_rows: (M, C, K), queries times their token's own decay; C a power of two.
        erase_rows: (M, C, K), reads times theirs, or plain if they read before it; or None.
        keys: (M, Q, C, K).
        decay: (M, C, K), in [0, 1].
        met: (M, Q, C), the scores of each query with the keys of its own token.

    Returns:
        Scores (M, Q * C, C), starts (M, C, K), ends (M, Q, C, K) and kept (M, 1, K).
        Differentiable once.
    """
    results = _ChannelScores.apply(keys, decay, met, query_rows, erase_rows)
    query_scores, erase_scores, query_starts, erase_starts, key_ends, kept = results  # type: ignore[misc]
    return ChannelScores(query_scores, erase_scores, query_starts, erase_starts, key_ends, kept)


class _ChannelScores(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, keys: Tensor, decay: Tensor, met: Tensor, queries: Tensor, reads: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        chunks, streams, chunk, size = keys.shape
        keys, kept = keys.clone(), decay
        kinds = [queries] if reads is None else [queries, reads]
        rows = torch.stack(kinds, dim=1)
        scores = [keys.new_zeros(chunks, streams, chunk, chunk) for _ in kinds]
        scores[0].diagonal(dim1=2, dim2=3).copy_(met)

        saved: list[Tensor] = []
        half = 1
        while half < chunk:
            upper_rows, lower_keys = _half(rows, half, 1), _half(keys, half, 0)
            upper = _copy(upper_rows).view(-1, len(kinds) * half, size)
            lower = _copy(lower_keys).view(-1, streams * half, size)
            lower_kept, upper_kept = kept.view(chunks, -1, 2, size).unbind(2)
            saved += (upper, lower, lower_kept, upper_kept)

            crossing = torch.bmm(lower, upper.mT)
            crossing = crossing.view(chunks, -1, streams, half, len(kinds), half).unbind(4)
            for kind, part in zip(scores, crossing, strict=True):
                _crossing(kind, half).copy_(part)
            upper_rows *= lower_kept[:, None, :, None]
            lower_keys *= upper_kept[:, None, :, None]
            kept = lower_kept * upper_kept
            half *= 2

        ctx.save_for_backward(*saved)
        flat = [kind.flatten(1, 2) for kind in scores]
        starts = [row.contiguous() for row in rows.unbind(1)]
        absent = None if reads is None else flat[1], None if reads is None else starts[1]
        return flat[0], absent[0], starts[0], absent[1], keys, kept.view(chunks, 1, size)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor | None, ...]:
        query_scores, erase_scores, query_starts, erase_starts, keys, kept = gradients
        chunks, streams, chunk, size = keys.shape
        keys = keys.clone()
        erases = erase_scores is not None
        kinds = [query_scores, erase_scores] if erases else [query_scores]
        scores = [kind.reshape(chunks, streams, chunk, chunk) for kind in kinds]
        rows = torch.stack([query_starts, erase_starts] if erases else [query_starts], dim=1)
        saved = ctx.saved_tensors
        half = chunk
        while half > 1:
            half //= 2
            level = 4 * (half.bit_length() - 1)
            upper, lower, lower_kept, upper_kept = saved[level : level + 4]
            upper_rows = _half(rows, half, 1).transpose(1, 2)  # (M, blocks, P, half, K)
            lower_keys = _half(keys, half, 0).transpose(1, 2)
            kept = kept.view(lower_kept.shape)
            upper_sums = (upper_rows * upper.view(upper_rows.shape)).sum((2, 3))
            lower_sums = (lower_keys * lower.view(lower_keys.shape)).sum((2, 3))
            kept = torch.stack(
                (kept * upper_kept + upper_sums, kept * lower_kept + lower_sums), dim=2
            )

            parts = [_crossing(kind, half) for kind in scores]
            crossing = torch.stack(parts, dim=4).view(-1, streams * half, len(kinds) * half)
            upper_rows *= lower_kept[:, :, None, None]
            upper_rows += torch.bmm(crossing.mT, lower).view(upper_rows.shape)
            lower_keys *= upper_kept[:, :, None, None]
            lower_keys += torch.bmm(crossing, upper).view(lower_keys.shape)

        met = scores[0].diagonal(dim1=2, dim2=3)
        queries, *reads = rows.unbind(1)
        return keys, kept.view(chunks, chunk, size), met, queries, reads[0] if erases else None


def _half(rows: Tensor, half: int, which: int) -> Tensor:
    """(M, P, C, K) -> the lower (0) or upper (1) half of each block: (M, P, blocks, half, K)."""
    return rows.unflatten(2, (-1, 2, half)).select(3, which)


def _copy(rows: Tensor) -> Tensor:
    """(M, P, blocks, half, K) -> (M, blocks, P, half, K), never a view: the rows change later."""
    return rows.transpose(1, 2).clone(memory_format=torch.contiguous_format)


def _crossing(scores: Tensor, half: int) -> Tensor:
    """(M, Q, C, C) -> each block's lower keys with its upper rows: (M, blocks, Q, half, half)."""
    blocks = scores.unflatten(3, (-1, 2, half)).unflatten(2, (-1, 2, half))
    crossing = blocks.select(6, 1).select(3, 0)  # (M, Q, blocks, half, blocks, half)
    return crossing.diagonal(dim1=2, dim2=4).movedim(-1, 1)
