"""Everything inside a chunk that depends on queries, keys and decay.

A chunk holds C micro-steps: tokens, or with `Writes(..., steps=n)` n of them a token. Its reading
rows x are first the queries, one a token, which read after the token's last micro-step, and then,
where there is an erase, one erase read a micro-step; all together N. For reading rows x and keys k
of one chunk, with G the running sum of the log decay g from the chunk's start, a chunk needs

    scores  M[x, k]_ij = sum_c x_ic k_jc exp(G_ic - G_jc)     j <= i for queries, j < i for reads
    starts  x_i exp(G_i)                                      what a row reads of the carried state
    ends    k_j exp(G_C - G_j)                                what of a write is left at the end
    kept    exp(G_C)                                          what is left of the carried state

Every exponent is a sum of g over a span of micro-steps, hence <= 0, and is formed as that sum,
never as a difference of two running sums: exp(-G) is never formed, a decay of exp(-30) a token does
not cost the digits of a weak decay beside it, and g = -inf is legal.

With `before_decay` the erase reads see exp(G_{i-1}) in place of exp(G_i). Scores are kept
transposed, a key a row.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class ChunkFactors(NamedTuple):
    """What the exact chunked form needs of reading rows, keys and decay; also their gradients.

    Of keys, each micro-step's Q streams lie together. As gradients, None is zero.

    Attributes:
        scores: (M, C * Q, N), M[x, k]^T, zero where the key is later than the row, and for reads
            also where they meet.
        starts: (M, N, K).
        ends: (M, C * Q, K).
        kept: None for 1 | (M, 1, 1) | (M, 1, K).
    """

    scores: Tensor
    starts: Tensor | None
    ends: Tensor | None
    kept: Tensor | None


class RowGradients(NamedTuple):
    """The gradients of what the factors are made of.

    Attributes:
        reading: (M, N, K).
        keys: (M, C, Q, K).
        log_decay: (M, C), (M, C, K) or None.
        strength: (M, C), of erases whose rows heads share, or None.
    """

    reading: Tensor
    keys: Tensor
    log_decay: Tensor | None
    strength: Tensor | None = None


def num_queries(rows: int, chunk: int) -> int:
    """How many of a chunk's N reading rows are queries: all, or all but the C erase reads."""
    return rows if rows <= chunk else rows - chunk


def causal_mask(like: Tensor, chunk: int, rows: int, *, strict: bool = True) -> Tensor:
    """(C, N) of ones where micro-step j counts for a reading row i: j <= i for queries, and for
    erase reads j < i, or j <= i where not `strict`."""
    until, queries = like.new_ones(chunk, chunk).triu(), num_queries(rows, chunk)
    steps = chunk // queries
    seen = until if steps == 1 else until[:, steps - 1 :: steps]
    return seen if rows == queries else torch.cat([seen, until.triu(1) if strict else until], dim=1)


def short_sums(rows: Tensor) -> Tensor:
    """sum(-1), as a matrix-vector product, which on short rows is quicker."""
    return rows @ rows.new_ones(rows.shape[-1])
