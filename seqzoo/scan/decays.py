"""Everything inside a chunk that depends on the decay, for the three kinds of decay.

For reading rows x (queries, erase reads) and keys k of one chunk, with G the running sum of the
log decay g from the chunk's start, a chunk needs

    scores  M[x, k]_ij = sum_c x_ic k_jc exp(G_ic - G_jc)     j <= i for queries, j < i for reads
    starts  x_i exp(G_i)                                      what a row reads of the carried state
    ends    k_j exp(G_C - G_j)                                what of a write is left at the end

Every exponent is a sum of g over a span of tokens, hence <= 0, and is formed as that sum, never as
a difference of two running sums: exp(-G) is never formed, a decay of exp(-30) a token does not
cost the digits of a weak decay beside it, and g = -inf is legal.

With `before_decay` the erase reads see exp(G_{i-1}) in place of exp(G_i).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class ChunkFactors(NamedTuple):
    """What the exact chunked form needs of queries, erase reads, keys and decay.

    Q key streams of C tokens lie one after another along the columns.

    Attributes:
        query_scores: (M, C, Q * C), zero above each stream's diagonal.
        erase_scores: (M, C, Q * C), zero on and above it; None without erase.
        query_starts: (M, C, K).
        erase_starts: (M, C, K); None without erase.
        key_ends: (M, Q * C, K).
        kept: the decay of a whole chunk: None | (M, 1, 1) | (M, 1, K).
    """

    query_scores: Tensor
    erase_scores: Tensor | None
    query_starts: Tensor
    erase_starts: Tensor | None
    key_ends: Tensor
    kept: Tensor | None


def undecayed(queries: Tensor, reads: Tensor | None, keys: Tensor) -> ChunkFactors:
    """Factors without decay. queries, reads (M, C, K); keys (M, Q, C, K)."""
    streams, chunk = keys.shape[1:3]
    columns = keys.flatten(1, 2)

    def scores(rows: Tensor, diagonal: int) -> Tensor:
        mask = _lower(chunk, streams, diagonal, rows.dtype, rows.device)
        return torch.bmm(rows, columns.mT).mul_(mask)

    erase_scores = None if reads is None else scores(reads, -1)
    return ChunkFactors(scores(queries, 0), erase_scores, queries, reads, columns, None)


def head_decayed(
    queries: Tensor, reads: Tensor | None, keys: Tensor, log_decay: Tensor, before_decay: bool
) -> ChunkFactors:
    """Factors with one decay a token and head. log_decay (M, C); others as `undecayed`."""
    chunks, streams, chunk, _ = keys.shape
    columns = keys.flatten(1, 2)
    # spans[i, j] = g_{j+1} + ... + g_i
    spans = log_decay[:, :, None].expand(-1, -1, chunk).tril(-1).cumsum(1)
    decay = spans.exp().tril()

    def scores(rows: Tensor, decay: Tensor) -> Tensor:
        raw = torch.bmm(rows, columns.mT).view(chunks, chunk, streams, chunk)
        return (raw * decay[:, :, None, :]).view(chunks, chunk, -1)

    from_start = log_decay.cumsum(1).exp()[..., None]  # (M, C, 1)
    to_end = decay[:, -1, None, :, None]  # (M, 1, C, 1)
    erase_scores = erase_starts = None
    if reads is not None:
        if before_decay:
            erase_scores = scores(reads, F.pad(decay[:, :-1], (0, 0, 1, 0)))
            erase_starts = reads * F.pad(from_start[:, :-1], (0, 0, 1, 0), value=1.0)
        else:
            erase_scores = scores(reads, decay.tril(-1))
            erase_starts = reads * from_start
    return ChunkFactors(
        query_scores=scores(queries, decay),
        erase_scores=erase_scores,
        query_starts=queries * from_start,
        erase_starts=erase_starts,
        key_ends=(keys * to_end).flatten(1, 2),
        kept=from_start[:, -1:],
    )


def channel_decayed(
    queries: Tensor, reads: Tensor | None, keys: Tensor, log_decay: Tensor, before_decay: bool
) -> ChunkFactors:
    """Factors with a decay per key channel. log_decay (M, C, K), C a power of two.

    Tokens j < i part at exactly one dyadic midpoint: the boundary between the two halves of the
    smallest aligned block of 2, 4, 8, ... tokens that holds both. The decay between them is the
    decay from j to that boundary times the decay from there to i, both <= 1. So each level is one
    matrix product of its upper halves' rows with its lower halves' keys, and (C, C, K) is never
    formed. Doubling the blocks multiplies the upper rows by the lower half's whole decay, and the
    lower keys by the upper half's; at block size C rows and keys have become starts and ends.
    """
    chunks, streams, chunk, size = keys.shape
    kept = log_decay.exp()[:, :, None]  # (M, blocks, 1, K), the decay of each whole block
    decay = kept.transpose(1, 2)  # (M, 1, C, K)

    # Blocks of one token: rows (M, P, C, K), the P kinds of rows; scores (M, P, C, Q, 1).
    diagonal = (queries[:, None] * keys).sum(-1).transpose(1, 2)  # (M, C, Q)
    if reads is None:
        rows = queries[:, None] * decay
        scores = diagonal[:, None, :, :, None]
    else:
        first = reads[:, None] if before_decay else reads[:, None] * decay
        rows = torch.cat((first, queries[:, None] * decay), dim=1)
        scores = torch.stack((torch.zeros_like(diagonal), diagonal), dim=1)[..., None]
    kinds = rows.shape[1]

    half = 1
    while half < chunk:
        blocks = chunk // (2 * half)
        rows = rows.view(chunks, kinds, blocks, 2, half, size)
        keys = keys.view(chunks, streams, blocks, 2, half, size)
        upper_rows = rows[:, :, :, 1].transpose(1, 2).reshape(-1, kinds * half, size)
        lower_keys = keys[:, :, :, 0].transpose(1, 2).reshape(-1, streams * half, size)
        crossing = torch.bmm(upper_rows, lower_keys.mT)
        crossing = crossing.view(chunks, blocks, kinds, half, streams, half).transpose(1, 2)
        scores = scores.reshape(chunks, kinds, blocks, 2, half, streams, half)
        lower, upper = scores.unbind(3)
        left = torch.cat((lower, crossing), dim=3)
        right = torch.cat((torch.zeros_like(upper), upper), dim=3)
        scores = torch.cat((left, right), dim=-1)

        lower_kept, upper_kept = kept.view(chunks, blocks, 2, 1, size).unbind(2)
        ones = torch.ones_like(lower_kept)
        rows = rows * torch.stack((ones, lower_kept), dim=2)[:, None]
        keys = keys * torch.stack((upper_kept, ones), dim=2)[:, None]
        kept = lower_kept * upper_kept
        half *= 2

    scores = scores.reshape(chunks, kinds, chunk, streams * chunk)
    rows = rows.reshape(chunks, kinds, chunk, size)
    return ChunkFactors(
        query_scores=scores[:, -1],
        erase_scores=None if reads is None else scores[:, 0],
        query_starts=rows[:, -1],
        erase_starts=None if reads is None else rows[:, 0],
        key_ends=keys.reshape(chunks, streams * chunk, size),
        kept=kept[:, 0],
    )


@lru_cache(maxsize=32)
def _lower(
    chunk: int, streams: int, diagonal: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """(C, Q * C): ones below each stream's diagonal, zeros above."""
    ones = torch.ones(chunk, chunk, dtype=dtype, device=device)
    return ones.tril(diagonal).repeat(1, streams)
