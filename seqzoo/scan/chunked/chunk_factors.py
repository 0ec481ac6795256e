"""Everything inside a chunk that depends on queries, keys and decay.

For reading rows x (queries, erase reads) and keys k of one chunk, with G the running sum of the
log decay g from the chunk's start, a chunk needs

    scores  M[x, k]_ij = sum_c x_ic k_jc exp(G_ic - G_jc)     j <= i for queries, j < i for reads
    starts  x_i exp(G_i)                                      what a row reads of the carried state
    ends    k_j exp(G_C - G_j)                                what of a write is left at the end
    kept    exp(G_C)                                          what is left of the carried state

Every exponent is a sum of g over a span of tokens, hence <= 0, and is formed as that sum, never as
a difference of two running sums: exp(-G) is never formed, a decay of exp(-30) a token does not
cost the digits of a weak decay beside it, and g = -inf is legal.

With `before_decay` the erase reads see exp(G_{i-1}) in place of exp(G_i). Scores are kept
transposed, a key a row.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class ChunkFactors(NamedTuple):
    """What the exact chunked form needs of reading rows, keys and decay; also their gradients.

    P kinds of reading rows of C tokens, queries and then erase reads, lie one after another; of
    keys, each token's Q streams lie together. As gradients, None is zero.

    Attributes:
        scores: (M, C * Q, P * C), M[x, k]^T, zero where the key is later than the row, and for
            reads also where they meet.
        starts: (M, P * C, K).
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
        reading: (M, P, C, K).
        keys: (M, C, Q, K).
        log_decay: (M, C), (M, C, K) or None.
        strength: (M, C), of erases whose rows heads share, or None.
    """

    reading: Tensor
    keys: Tensor
    log_decay: Tensor | None
    strength: Tensor | None = None


def causal_mask(reading: Tensor) -> Tensor:
    """(C, P * C) of ones where a key (row) is early enough for queries, and for erase reads."""
    kinds, chunk = reading.shape[1:3]
    ones = reading.new_ones(chunk, chunk)
    return torch.cat([ones.triu(kind) for kind in range(kinds)], dim=1)


def short_sums(rows: Tensor) -> Tensor:
    """sum(-1), as a matrix-vector product, which on short rows is quicker."""
    return rows @ rows.new_ones(rows.shape[-1])
