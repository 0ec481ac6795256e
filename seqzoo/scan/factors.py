"""Everything inside a chunk that depends on queries, keys and decay, for the three kinds of decay.

For reading rows x (queries, erase reads) and keys k of one chunk, with G the running sum of the
log decay g from the chunk's start, a chunk needs

    scores  M[x, k]_ij = sum_c x_ic k_jc exp(G_ic - G_jc)     j <= i for queries, j < i for reads
    starts  x_i exp(G_i)                                      what a row reads of the carried state
    ends    k_j exp(G_C - G_j)                                what of a write is left at the end

Every exponent is a sum of g over a span of tokens, hence <= 0, and is formed as that sum, never as
a difference of two running sums: exp(-G) is never formed, a decay of exp(-30) a token does not
cost the digits of a weak decay beside it, and g = -inf is legal.

With `before_decay` the erase reads see exp(G_{i-1}) in place of exp(G_i). Scores are kept
transposed, a key a row: then each key stream is one contiguous block, and a decay is one
contiguous factor on it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from seqzoo.scan.channel_scores import channel_scores
from seqzoo.scan.head_scores import head_scores


class ChunkFactors(NamedTuple):
    """What the exact chunked form needs of queries, erase reads, keys and decay.

    Q key streams of C tokens lie one after another.

    Attributes:
        query_scores: (M, Q * C, C), M[q, k]^T, zero where the key is later than the query.
        erase_scores: (M, Q * C, C), M[r, k]^T, zero also where they meet; None without erase.
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
    rows = keys.flatten(1, 2)

    ones = rows.new_ones(chunk, chunk)

    def scores(reading: Tensor, diagonal: int) -> Tensor:
        mask = ones.triu(diagonal).repeat(streams, 1)  # ones where the key is early enough
        return torch.bmm(rows, reading.mT).mul_(mask)

    erase_scores = None if reads is None else scores(reads, 1)
    return ChunkFactors(scores(queries, 0), erase_scores, queries, reads, rows, None)


def head_decayed(
    queries: Tensor, reads: Tensor | None, keys: Tensor, log_decay: Tensor, before_decay: bool
) -> ChunkFactors:
    """Factors with one decay a token and head. log_decay (M, C); others as `undecayed`."""
    query_scores, erase_scores = head_scores(queries, reads, keys, log_decay, before_decay)
    from_start = log_decay.cumsum(1).exp()[..., None]  # (M, C, 1)
    to_end = F.pad(log_decay[:, 1:], (0, 1)).flip(1).cumsum(1).flip(1).exp()
    erase_starts = None
    if reads is not None:
        seen = F.pad(from_start[:, :-1], (0, 0, 1, 0), value=1.0) if before_decay else from_start
        erase_starts = reads * seen
    return ChunkFactors(
        query_scores=query_scores,
        erase_scores=erase_scores,
        query_starts=queries * from_start,
        erase_starts=erase_starts,
        key_ends=(keys * to_end[:, None, :, None]).flatten(1, 2),
        kept=from_start[:, -1:],
    )


def channel_decayed(
    queries: Tensor, reads: Tensor | None, keys: Tensor, log_decay: Tensor, before_decay: bool
) -> ChunkFactors:
    """Factors with a decay per key channel. log_decay (M, C, K), C a power of two."""
    decay = log_decay.exp()
    met = (queries[:, None] * keys).sum(-1)  # (M, Q, C), query and key of one token
    query_rows = queries * decay
    erase_rows = reads if reads is None or before_decay else reads * decay
    scores = channel_scores(query_rows, erase_rows, keys, decay, met)
    return ChunkFactors(
        query_scores=scores.query_scores,
        erase_scores=scores.erase_scores,
        query_starts=scores.query_starts,
        erase_starts=scores.erase_starts,
        key_ends=scores.key_ends.flatten(1, 2),
        kept=scores.kept,
    )
