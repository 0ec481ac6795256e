"""A chunk's factors where heads share queries, keys and erase reads (see `chunk_factors`).

With M_ij = x_i . k_j computed once a group, head h of it has strengths s and decays D (see
`head_decay`) of its own,

    scores_ji = s_i D_ji M_ij        starts_i = s_i D_{start, i} x_i        ends_j = D_{j, end} k_j

where s_i is 1 for queries. Backward, an upper bar for gradients, the sums over the group's heads:

    bar(M_ij) = sum_h s_i D_ji bar(scores_ji)
    bar(s_i)  = sum_j D_ji bar(scores_ji) M_ij + D_{start, i} bar(starts_i) . x_i
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.scan.chunked.chunk_factors import ChunkFactors, RowGradients, causal_mask, short_sums
from seqzoo.scan.chunked.head_decay import HeadDecays, decay_gradient, head_decays

__all__ = ["shared_row_edges", "shared_row_factors", "shared_row_gradients"]


def shared_row_factors(
    reading: Tensor,
    keys: Tensor,
    strength: Tensor | None,
    log_decay: Tensor | None,
    before_decay: bool,
    heads: int,
) -> tuple[ChunkFactors, HeadDecays | tuple[()]]:
    """The factors of M chunks.

    Args:
        reading, keys: (M', N, K) and (M', C, Q, K), one row per group.
        strength: (M, C), of the erase reads; None is 1.
        log_decay: (M, C) or None.
        before_decay: see `chunk_factors`.
        heads: in a group, M // M'.
    """
    groups, chunk, streams, _ = keys.shape
    decays = () if log_decay is None else head_decays(reading, log_decay, before_decay)
    met = _met(reading, keys)
    if isinstance(decays, HeadDecays):
        pairs, kept = decays.pairs, decays.kept
    else:
        pairs, kept = causal_mask(reading, chunk, reading.shape[1]).unsqueeze(0), None
    if strength is not None:
        pairs = pairs.expand(groups * heads, -1, -1).clone()
        pairs[:, :, -chunk:].mul_(strength[:, None])
    scores = met.view(groups, 1, chunk, streams, -1) * _by_group(pairs, groups).unsqueeze(3)
    scores = scores.expand(-1, heads, -1, -1, -1).reshape(groups * heads, *met.shape[1:])
    starts, ends = shared_row_edges(reading, keys, strength, decays, heads)
    return ChunkFactors(scores, starts, ends, kept), decays


def shared_row_edges(
    reading: Tensor,
    keys: Tensor,
    strength: Tensor | None,
    decays: HeadDecays | tuple[Tensor, ...],
    heads: int,
) -> tuple[Tensor, Tensor]:
    """The factors `starts` and `ends`."""
    starts = reading.repeat_interleave(heads, dim=0)
    ends = keys.repeat_interleave(heads, dim=0)
    if strength is not None:
        starts[:, -keys.shape[1] :].mul_(strength[..., None])
    if isinstance(decays, HeadDecays):
        starts.mul_(decays.from_start)
        ends.mul_(decays.to_end)
    return starts, ends.flatten(1, 2)


def shared_row_gradients(
    reading: Tensor,
    keys: Tensor,
    strength: Tensor | None,
    factors: ChunkFactors,
    decays: HeadDecays | tuple[Tensor, ...],
    gradients: ChunkFactors,
    before_decay: bool,
) -> RowGradients:
    """The gradients of `shared_row_factors`' tensors. Overwrites the given ones."""
    groups, chunk = keys.shape[:2]
    of_decay = of_strength = None
    scores, starts, ends, _ = gradients
    if isinstance(decays, HeadDecays):
        of_decay = decay_gradient(factors, decays, gradients, before_decay)
    else:
        mask = causal_mask(reading, chunk, reading.shape[1])
        scores.view(len(scores), chunk, -1, scores.shape[2]).mul_(mask[:, None])
    if strength is not None:
        of_scores, met = scores[:, :, -chunk:], _met(reading, keys)[:, :, -chunk:]
        of_strength = (_by_group(of_scores, groups) * met.unsqueeze(1)).sum(2).flatten(0, 1)
        of_scores.mul_(strength[:, None])
        if starts is not None:
            of_starts = starts[:, -chunk:]
            read = _by_group(of_starts, groups) * reading[:, None, -chunk:]
            of_strength += short_sums(read).flatten(0, 1)
            of_starts.mul_(strength[..., None])
    of_met = _by_group(scores, groups).sum(1)
    of_reading = torch.bmm(of_met.mT, keys.flatten(1, 2))
    of_keys = torch.bmm(of_met, reading)
    if starts is not None:
        of_reading += _by_group(starts, groups).sum(1)
    if ends is not None:
        of_keys += _by_group(ends, groups).sum(1)
    return RowGradients(of_reading, of_keys.view_as(keys), of_decay, of_strength)


def _met(reading: Tensor, keys: Tensor) -> Tensor:
    """x . k of all pairs, (M', C * Q, N)."""
    return torch.bmm(keys.flatten(1, 2), reading.mT)


def _by_group(tensor: Tensor, groups: int) -> Tensor:
    """(M, ...) -> (M', M // M', ...); (1, ...) -> (1, 1, ...)."""
    return tensor.unsqueeze(0) if len(tensor) == 1 else tensor.unflatten(0, (groups, -1))
