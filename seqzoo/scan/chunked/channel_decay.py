"""A chunk's factors under a decay per key channel (see `chunk_factors`).

    scores[(l, j), i] = sum_c k^l_jc x_ic exp(g_{j+1,c} + ... + g_{i,c})

Tokens j < i part at exactly one dyadic midpoint: the boundary between the two halves of the
smallest aligned block of 2, 4, 8, ... tokens that holds both. The decay between them is the decay
from j to that boundary times the decay from there to i, both <= 1. So each level is one matrix
product of its upper halves' rows with its lower halves' keys, and (C, C, K) is never formed.
Doubling the blocks multiplies the upper rows by the lower half's whole decay and the lower keys by
the upper half's; at block size C the rows are the chunk's starts and the keys its ends.

Backward runs the levels down again, each the transpose of the level's step up.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.scan.chunked.chunk_factors import ChunkFactors, RowGradients


def channel_factors(
    reading: Tensor, keys: Tensor, log_decay: Tensor, before_decay: bool
) -> tuple[ChunkFactors, tuple[Tensor, ...]]:
    """The factors, and what the gradients need: each token's own decay (M, C, K), and of every
    level from the smallest blocks on its rows (M * blocks, P * half, K), its keys
    (M * blocks, Q * half, K), and the decays of its lower and upper halves (M, blocks, K).

    Args:
        reading: (M, P, C, K).
        keys: (M, C, Q, K).
        log_decay: (M, C, K); C a power of two.
        before_decay: the erase reads see the state before their own token's decay.
    """
    chunks, chunk, streams, size = keys.shape
    kinds = reading.shape[1]
    decay = log_decay.exp()
    rows = reading * decay[:, None]
    if before_decay and kinds == 2:
        rows[:, 1] = reading[:, 1]
    scores = keys.new_zeros(chunks, chunk, streams, kinds, chunk)
    met = (reading[:, 0, :, None] * keys).sum(-1)  # (M, C, Q), query and key of one token
    scores[:, :, :, 0].diagonal(dim1=1, dim2=3).copy_(met.mT)

    saved = [decay]
    ends, kept = keys.clone(), decay
    half = 1
    while half < chunk:
        upper_rows, lower_keys = _half(rows, half, 1), _half(ends.transpose(1, 2), half, 0)
        upper = _copy(upper_rows).view(-1, kinds * half, size)
        lower = _copy(lower_keys).view(-1, streams * half, size)
        lower_kept, upper_kept = kept.view(chunks, -1, 2, size).unbind(2)
        saved += (upper, lower, lower_kept, upper_kept)

        crossing = torch.bmm(lower, upper.mT).view(chunks, -1, streams, half, kinds, half)
        _crossing(scores, half).copy_(crossing)
        upper_rows *= lower_kept[:, None, :, None]
        lower_keys *= upper_kept[:, None, :, None]
        kept = lower_kept * upper_kept
        half *= 2

    factors = ChunkFactors(
        scores.view(chunks, chunk * streams, kinds * chunk),
        rows.flatten(1, 2),
        ends.flatten(1, 2),
        kept.view(chunks, 1, size),
    )
    return factors, tuple(saved)


def channel_gradients(
    reading: Tensor,
    keys: Tensor,
    saved: tuple[Tensor, ...],
    gradients: ChunkFactors,
    before_decay: bool,
) -> RowGradients:
    """The gradients of `channel_factors`' arguments. Overwrites the given ones."""
    chunks, chunk, streams, size = keys.shape
    kinds = reading.shape[1]
    scores = gradients.scores.view(chunks, chunk, streams, kinds, chunk)
    rows = _or_zeros(gradients.starts, reading)
    of_keys = _or_zeros(gradients.ends, keys)
    kept = gradients.kept
    if kept is None:
        kept = keys.new_zeros(chunks, 1, size)

    decay, half, level = saved[0], chunk, len(saved)
    while half > 1:
        half //= 2
        level -= 4
        upper, lower, lower_kept, upper_kept = saved[level : level + 4]
        upper_rows = _half(rows, half, 1).transpose(1, 2)  # (M, blocks, P, half, K)
        lower_keys = _half(of_keys.transpose(1, 2), half, 0).transpose(1, 2)
        kept = kept.view(lower_kept.shape)
        upper_sums = (upper_rows * upper.view(upper_rows.shape)).sum((2, 3))
        lower_sums = (lower_keys * lower.view(lower_keys.shape)).sum((2, 3))
        kept = torch.stack((kept * upper_kept + upper_sums, kept * lower_kept + lower_sums), dim=2)

        crossing = _crossing(scores, half).reshape(-1, streams * half, kinds * half)
        upper_rows *= lower_kept[:, :, None, None]
        upper_rows += torch.bmm(crossing.mT, lower).view(upper_rows.shape)
        lower_keys *= upper_kept[:, :, None, None]
        lower_keys += torch.bmm(crossing, upper).view(lower_keys.shape)

    decayed = slice(0, 1 if before_decay else kinds)
    own = kept.view(chunks, chunk, size) + (rows * reading)[:, decayed].sum(1)
    rows[:, decayed] *= decay[:, None]
    met = scores[:, :, :, 0].diagonal(dim1=1, dim2=3).mT[..., None]  # (M, C, Q, 1)
    rows[:, 0] += (met * keys).sum(2)
    of_keys.addcmul_(met, reading[:, 0, :, None])
    return RowGradients(rows, of_keys, own.mul_(decay))


def _or_zeros(gradient: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if gradient is None else gradient.view_as(like)


def _half(rows: Tensor, half: int, which: int) -> Tensor:
    """(M, P, C, K) -> the lower (0) or upper (1) half of each block: (M, P, blocks, half, K)."""
    return rows.unflatten(2, (-1, 2, half)).select(3, which)


def _copy(rows: Tensor) -> Tensor:
    """(M, P, blocks, half, K) -> (M, blocks, P, half, K), never a view: the rows change later."""
    return rows.transpose(1, 2).clone(memory_format=torch.contiguous_format)


def _crossing(scores: Tensor, half: int) -> Tensor:
    """(M, C, Q, P, C) -> each block's lower keys with its upper rows, a view of shape
    (M, blocks, Q, half, P, half)."""
    blocks = scores.transpose(1, 2).unflatten(4, (-1, 2, half)).unflatten(2, (-1, 2, half))
    crossing = blocks.select(7, 1).select(3, 0)  # (M, Q, blocks, half, P, blocks, half)
    return crossing.diagonal(dim1=2, dim2=5).movedim(-1, 1)
