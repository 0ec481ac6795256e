"""A chunk's factors under one decay a token and head (see `chunk_factors`).

All pairs of a chunk share one matrix of decays, with the chunk's start as a row before the first:

    D_ji = exp(g_{j+1} + ... + g_i)        scores_ji = D_ji (x_i . k_j)
    starts_i = D_{start, i} x_i            ends_j = D_{j, end} k_j            kept = D_{start, end}

Backward, by an upper bar for gradients, dx = D . bar(scores) k + ..., and so on; and since the
derivative of exp(G_i - G_j) by its exponent is itself, with all pairs j < i,

    bar(G_i) = sum_j bar(scores_ji) scores_ji + bar(starts_i) . starts_i     as a row reads
    bar(G_j) = - sum_i bar(scores_ji) scores_ji                              as a key is written
    bar(G_C) = bar(kept) kept
    bar(g_t) = sum_{i >= t} bar(G_i) + sum_{j < t} bar(ends_j) . ends_j

Pairs with no span between them are left out, not cancelled: a query and its token's last key, or
with `before_decay`, where a read's G_i is G_{i-1}, a read and the key just before it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo.scan.chunked.chunk_factors import (
    ChunkFactors,
    RowGradients,
    causal_mask,
    num_queries,
    short_sums,
)
from seqzoo.scan.chunked.undecayed import add_product, by_stream


class HeadDecays(NamedTuple):
    """Decays between the micro-steps of a chunk.

    Attributes:
        pairs: (M, C, N), from a key to a reading row, zero where the row sees no such key.
        from_start: (M, N, 1).
        to_end: (M, C, 1, 1).
    """

    pairs: Tensor
    from_start: Tensor
    to_end: Tensor

    @property
    def kept(self) -> Tensor:
        """The decay of the whole chunk, (M, 1, 1): that of its last query."""
        _, chunk, rows = self.pairs.shape
        queries = num_queries(rows, chunk)
        return self.from_start[:, queries - 1 : queries]


def head_factors(
    reading: Tensor, keys: Tensor, log_decay: Tensor, before_decay: bool
) -> tuple[ChunkFactors, HeadDecays]:
    """reading (M, N, K); keys (M, C, Q, K); log_decay (M, C)."""
    decays = head_decays(reading, log_decay, before_decay)
    scores = torch.bmm(keys.flatten(1, 2), reading.mT)
    by_stream(scores, keys).mul_(decays.pairs[:, :, None])
    starts, ends = head_edges(reading, keys, decays)
    return ChunkFactors(scores, starts, ends, decays.kept), decays


def head_edges(reading: Tensor, keys: Tensor, decays: HeadDecays) -> tuple[Tensor, Tensor]:
    """The factors `starts` and `ends`."""
    return reading * decays.from_start, (keys * decays.to_end).flatten(1, 2)


def head_gradients(
    reading: Tensor,
    keys: Tensor,
    factors: ChunkFactors,
    decays: HeadDecays,
    gradients: ChunkFactors,
    before_decay: bool,
) -> RowGradients:
    """The gradients of `head_factors`' arguments. Overwrites the given ones."""
    of_decay = decay_gradient(factors, decays, gradients, before_decay)
    scores, starts, ends, _ = gradients
    of_reading = add_product(starts, scores.mT, keys.flatten(1, 2))
    of_keys = add_product(ends, scores, reading)
    return RowGradients(of_reading, of_keys.view_as(keys), of_decay)


def decay_gradient(
    factors: ChunkFactors, decays: HeadDecays, gradients: ChunkFactors, before_decay: bool
) -> Tensor:
    """bar(g), (M, C). Multiplies the given gradients by the decays, in place: they become those of
    the factors without any."""
    scores, starts, ends, kept = gradients
    chunks, chunk, rows = decays.pairs.shape
    streams, queries = scores.shape[1] // chunk, num_queries(rows, chunk)
    steps = chunk // queries

    spans = scores * factors.scores
    pairs = spans.view(chunks, chunk, streams, rows)
    pairs[:, steps - 1 :: steps, :, :queries].diagonal(dim1=1, dim2=3).zero_()
    if rows > queries and before_decay:
        pairs[:, :, :, queries:].diagonal(1, dim1=1, dim2=3).zero_()
    read = spans.sum(1)  # (M, N)
    if starts is not None:
        assert factors.starts is not None
        read += short_sums(starts * factors.starts)
        starts.mul_(decays.from_start)
    of_sums = short_sums(spans).view(chunks, chunk, streams).sum(2).neg_()
    of_sums[:, steps - 1 :: steps] += read[:, :queries]
    if rows > queries and before_decay:
        of_sums[:, :-1] += read[:, queries + 1 :]
    elif rows > queries:
        of_sums += read[:, queries:]
    if kept is not None:
        assert factors.kept is not None
        of_sums[:, -1] += (kept * factors.kept).flatten()
    of_decay = of_sums.flip(1).cumsum(1).flip(1)
    if ends is not None:
        assert factors.ends is not None
        left = short_sums(ends * factors.ends).view(chunks, chunk, streams).sum(2)
        of_decay[:, 1:] += left[:, :-1].cumsum(1)
        ends.view(chunks, chunk, streams, -1).mul_(decays.to_end)
    scores.view(chunks, chunk, streams, -1).mul_(decays.pairs[:, :, None])
    return of_decay


def head_decays(reading: Tensor, log_decay: Tensor, before_decay: bool = False) -> HeadDecays:
    """reading (., N, .), for its rows; log_decay (M, C)."""
    rows, (chunks, chunk) = reading.shape[1], log_decay.shape
    log_decay = log_decay.clamp(min=-1e4)  # exp is 0 all the same, and 0 times it is not NaN
    # spans[j, i] = g_{j+1} + ... + g_i, summed and not subtracted: 0 times the other tokens
    later = log_decay.new_ones(chunk, chunk).triu(1)
    between = (log_decay[:, None] * later).flatten(0, 1)
    if rows == 2 * chunk and not before_decay:  # a token's erase read has the decays of its query,
        until = causal_mask(log_decay, chunk, chunk)  # but does not see the token's own writes
        spans = (between @ until).exp_().view(chunks, chunk, 1, chunk)
        pairs = (spans * torch.stack([until, later], dim=1)).flatten(2)
        from_start = (log_decay @ until).exp_().repeat(1, 2)
    else:
        until = causal_mask(log_decay, chunk, rows, strict=before_decay)
        seen = until if before_decay else causal_mask(log_decay, chunk, rows)
        pairs = (between @ until).exp_().view(chunks, chunk, rows).mul_(seen)
        from_start = (log_decay @ until).exp_()
    last = num_queries(rows, chunk) - 1
    return HeadDecays(
        pairs=pairs,
        from_start=from_start[..., None],
        to_end=pairs[:, :, last, None, None].contiguous(),
    )
