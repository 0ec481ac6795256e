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

Pairs with no span between them are left out, not cancelled: a token and itself, or with
`before_decay`, where a read's G_i is G_{i-1}, a read and the key just before it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo.scan.chunked.chunk_factors import ChunkFactors, RowGradients, causal_mask, short_sums
from seqzoo.scan.chunked.undecayed import add_product, by_stream


class HeadDecays(NamedTuple):
    """Decays between the tokens of a chunk.

    Attributes:
        pairs: (M, C, P * C), from a key to a reading row, zero where the row sees no such key.
        from_start: (M, P * C, 1).
        to_end: (M, C, 1, 1).
    """

    pairs: Tensor
    from_start: Tensor
    to_end: Tensor


def head_factors(
    reading: Tensor, keys: Tensor, log_decay: Tensor, before_decay: bool
) -> tuple[ChunkFactors, HeadDecays]:
    """reading (M, P, C, K); keys (M, C, Q, K); log_decay (M, C)."""
    decays = head_decays(reading, log_decay, before_decay)
    rows, key_rows = reading.flatten(1, 2), keys.flatten(1, 2)
    scores = torch.bmm(key_rows, rows.mT)
    by_stream(scores, keys).mul_(decays.pairs[:, :, None])
    starts, ends = head_edges(reading, keys, decays)
    last = log_decay.shape[1] - 1
    return ChunkFactors(scores, starts, ends, decays.from_start[:, last : last + 1]), decays


def head_edges(reading: Tensor, keys: Tensor, decays: HeadDecays) -> tuple[Tensor, Tensor]:
    """The factors `starts` and `ends`."""
    return reading.flatten(1, 2) * decays.from_start, (keys * decays.to_end).flatten(1, 2)


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
    of_keys = add_product(ends, scores, reading.flatten(1, 2))
    return RowGradients(of_reading.view_as(reading), of_keys.view_as(keys), of_decay)


def decay_gradient(
    factors: ChunkFactors, decays: HeadDecays, gradients: ChunkFactors, before_decay: bool
) -> Tensor:
    """bar(g), (M, C). Multiplies the given gradients by the decays, in place: they become those of
    the factors without any."""
    scores, starts, ends, kept = gradients
    chunks, chunk = decays.pairs.shape[:2]
    streams, kinds = scores.shape[1] // chunk, scores.shape[2] // chunk

    spans = scores * factors.scores
    pairs = spans.view(chunks, chunk, streams, kinds, chunk)
    pairs[:, :, :, 0].diagonal(dim1=1, dim2=3).zero_()
    if kinds == 2 and before_decay:
        pairs[:, :, :, 1].diagonal(1, dim1=1, dim2=3).zero_()
    read = spans.sum(1)  # (M, P * C)
    if starts is not None:
        assert factors.starts is not None
        read += short_sums(starts * factors.starts)
        starts.mul_(decays.from_start)
    read = read.view(chunks, kinds, chunk)
    of_sums = read[:, 0] - short_sums(spans).view(chunks, chunk, streams).sum(2)
    if kinds == 2 and before_decay:
        of_sums[:, :-1] += read[:, 1, 1:]
    elif kinds == 2:
        of_sums += read[:, 1]
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
    """reading (., P, C, .), for its sizes; log_decay (M, C)."""
    kinds, (chunks, chunk) = reading.shape[1], log_decay.shape
    log_decay = log_decay.clamp(min=-1e4)  # exp is 0 all the same, and 0 times it is not NaN
    ones = log_decay.new_ones(chunk, chunk)
    # spans[j, i] = g_{j+1} + ... + g_i, summed and not subtracted: 0 times the other tokens
    later, until = ones.triu(1), [ones.triu(), ones.triu(int(before_decay))][:kinds]
    spans = (log_decay[:, None] * later).flatten(0, 1) @ torch.cat(until, dim=1)
    pairs = spans.exp_().view(chunks, chunk, -1).mul_(causal_mask(reading))
    from_start = (log_decay @ torch.cat(until, dim=1)).exp_()
    return HeadDecays(
        pairs=pairs,
        from_start=from_start[..., None],
        to_end=pairs[:, :, chunk - 1, None, None].contiguous(),
    )
