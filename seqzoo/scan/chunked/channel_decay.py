"""A chunk's factors under a decay per key channel (see `chunk_factors`).

    scores[(l, j), i] = sum_c k^l_jc x_ic exp(g_{j+1,c} + ... + g_{i,c})

Tokens j < i part at exactly one dyadic midpoint: the boundary between the two halves of the
smallest aligned block of 2, 4, 8, ... tokens that holds both. The decay between them is the decay
from j to that boundary times the decay from there to i, both <= 1. So each level is one matrix
product of its upper halves' rows with its lower halves' keys, and (C, C, K) is never formed.
Joining two halves multiplies the upper rows by the lower half's whole decay and the lower keys by
the upper half's; once they are the chunk, the rows are its starts and the keys its ends.

A token's n micro-steps are joined first, one after another: its first m with the next one. Its
query goes with the last.

Backward undoes the joins in reverse, each the transpose of what it did.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo.scan.chunked.chunk_factors import ChunkFactors, RowGradients, num_queries


def channel_factors(
    reading: Tensor, keys: Tensor, log_decay: Tensor, before_decay: bool
) -> tuple[ChunkFactors, tuple[Tensor, ...]]:
    """The factors, and what the gradients need: each micro-step's own decay (M, C, K), and of every
    join its upper rows (M * blocks, rows, K), its lower keys (M * blocks, middle * Q, K), and the
    decays of its lower and upper parts (M, blocks, K).

    Args:
        reading: (M, N, K).
        keys: (M, C, Q, K).
        log_decay: (M, C, K); a chunk has a power of two of tokens.
        before_decay: the erase reads see the state before their own micro-step's decay.
    """
    chunks, chunk, streams, _ = keys.shape
    queries, last = _queries(reading, chunk)
    decay = log_decay.exp()
    rows = torch.empty_like(reading)
    torch.mul(reading[:, :queries], decay[:, last], out=rows[:, :queries])
    if before_decay:
        rows[:, queries:] = reading[:, queries:]
    elif rows.shape[1] > queries:
        torch.mul(reading[:, queries:], decay, out=rows[:, queries:])
    scores = keys.new_zeros(chunks, chunk, streams, rows.shape[1])
    met = (reading[:, :queries, None] * keys[:, last]).sum(-1)  # (M, queries, Q), in one micro-step
    scores[:, last, :, :queries].diagonal(dim1=1, dim2=3).copy_(met.mT)

    saved = [decay]
    ends, kept = keys.clone(), decay.clone()  # kept: of each part, where it begins
    for join in _joins(chunk, chunk // queries):
        upper_rows, lower_keys = join.upper(rows, chunk), join.lower(ends)
        upper, lower = _copied(upper_rows), _copied([lower_keys])
        lower_kept, upper_kept = kept[:, :: join.block].clone(), kept[:, join.middle :: join.block]
        saved += (upper, lower, lower_kept, upper_kept)

        found = _by_kind(torch.bmm(lower, upper.mT).mT, upper_rows)
        for part, crossing in zip(join.crossing(scores, chunk), found, strict=True):
            part.copy_(crossing.unflatten(4, part.shape[2:4]).permute(0, 1, 4, 5, 2, 3))
        for part in upper_rows:
            part *= lower_kept[:, :, None, None]
        lower_keys *= upper_kept[:, :, None, None]
        kept[:, :: join.block] *= upper_kept

    scores = scores.flatten(1, 2)
    return ChunkFactors(scores, rows, ends.flatten(1, 2), kept[:, :1]), tuple(saved)


def channel_gradients(
    reading: Tensor,
    keys: Tensor,
    saved: tuple[Tensor, ...],
    gradients: ChunkFactors,
    before_decay: bool,
) -> RowGradients:
    """The gradients of `channel_factors`' arguments. Overwrites the given ones."""
    chunk = keys.shape[1]
    queries, last = _queries(reading, chunk)
    scores = gradients.scores.unflatten(1, keys.shape[1:3])
    rows = _or_zeros(gradients.starts, reading)
    of_keys = _or_zeros(gradients.ends, keys)
    decay, level = saved[0], len(saved)
    kept = torch.zeros_like(decay)
    if gradients.kept is not None:
        kept[:, :1] = gradients.kept

    for join in reversed(list(_joins(chunk, chunk // queries))):
        level -= 4
        upper, lower, lower_kept, upper_kept = saved[level : level + 4]
        upper_rows, lower_keys = join.upper(rows, chunk), join.lower(of_keys)
        whole, of_upper = kept[:, :: join.block].clone(), kept[:, join.middle :: join.block]
        lower_sums = (lower_keys * lower.view(lower_keys.shape)).sum((2, 3))
        torch.addcmul(lower_sums, whole, lower_kept, out=of_upper)

        crossing = _copied(join.crossing(scores, chunk), side_by_side=True)
        of_lower = whole.mul_(upper_kept)
        found = zip(
            upper_rows,
            _by_kind(upper, upper_rows),
            _by_kind(torch.bmm(crossing.mT, lower), upper_rows),
            strict=True,
        )
        for part, was, of_part in found:
            of_lower += (part * was).sum((2, 3))
            part *= lower_kept[:, :, None, None]
            part += of_part
        kept[:, :: join.block] = of_lower
        lower_keys *= upper_kept[:, :, None, None]
        lower_keys += torch.bmm(crossing, upper).view(lower_keys.shape)

    kept[:, last] += rows[:, :queries] * reading[:, :queries]
    rows[:, :queries] *= decay[:, last]
    if rows.shape[1] > queries and not before_decay:
        kept += rows[:, queries:] * reading[:, queries:]
        rows[:, queries:] *= decay
    met = scores[:, last, :, :queries].diagonal(dim1=1, dim2=3).mT[..., None]  # (M, queries, Q, 1)
    rows[:, :queries] += (met * keys[:, last]).sum(2)
    of_keys[:, last].addcmul_(met, reading[:, :queries, None])
    return RowGradients(rows, of_keys, kept.mul_(decay))


class Join(NamedTuple):
    """Two parts of each block of micro-steps become one: [0, middle) and [middle, end)."""

    block: int
    middle: int
    end: int

    def lower(self, keys: Tensor) -> Tensor:
        """(M, C, Q, K) -> the lower parts' keys, (M, blocks, middle, Q, K), a view."""
        return keys.unflatten(1, (-1, self.block))[:, :, : self.middle]

    def upper(self, rows: Tensor, chunk: int) -> list[Tensor]:
        """(M, N, K) -> the upper parts' rows, views (M, blocks, kinds, rows, K)."""
        return [
            part.unflatten(2, (-1, self.block // every))[..., self._rows(every), :].transpose(1, 2)
            for every, part in _kinds(rows, 1, chunk)
        ]

    def crossing(self, scores: Tensor, chunk: int) -> list[Tensor]:
        """(M, C, Q, N) -> each block's lower keys with its upper rows, views
        (M, blocks, middle, Q, kinds, rows)."""
        lower = scores.unflatten(1, (-1, self.block))[:, :, : self.middle]
        return [
            part.unflatten(5, (-1, self.block // every))[..., self._rows(every)]
            .diagonal(dim1=1, dim2=5)  # (M, middle, Q, kinds, rows, blocks)
            .movedim(-1, 1)
            for every, part in _kinds(lower, 4, chunk)
        ]

    def _rows(self, every: int) -> slice:
        """Which of a block's rows read in the upper part, given how often they read."""
        return slice(self.middle // every, self.end // every)


def _joins(chunk: int, steps: int) -> Iterator[Join]:
    """From single micro-steps to the whole chunk."""
    yield from (Join(steps, done, done + 1) for done in range(1, steps))
    half = steps
    while half < chunk:
        yield Join(2 * half, half, 2 * half)
        half *= 2


def _queries(reading: Tensor, chunk: int) -> tuple[int, slice]:
    """How many rows are queries, and after which micro-steps they read."""
    queries = num_queries(reading.shape[1], chunk)
    steps = chunk // queries
    return queries, slice(steps - 1, None, steps)


def _kinds(tensor: Tensor, dim: int, chunk: int) -> list[tuple[int, Tensor]]:
    """(..., N, ...) -> views (..., kinds, rows, ...), each with the micro-steps between two rows:
    one of queries and reads together where both read at every micro-step."""
    queries = num_queries(tensor.shape[dim], chunk)
    if queries == chunk:
        return [(1, tensor.unflatten(dim, (-1, chunk)))]
    parts = zip((chunk // queries, 1), tensor.tensor_split([queries], dim=dim), strict=True)
    return [(every, part.unsqueeze(dim)) for every, part in parts if part.shape[dim]]


def _copied(parts: list[Tensor], *, side_by_side: bool = False) -> Tensor:
    """(M, blocks, a, b, ...) each -> (M * blocks, a * b, all the rest), one below or beside the
    other; never a view, for the parts change later."""
    copies = [part.clone(memory_format=torch.contiguous_format) for part in parts]
    flat = [copy.flatten(0, 1).flatten(1, 2).flatten(2) for copy in copies]
    return flat[0] if len(flat) == 1 else torch.cat(flat, dim=1 + side_by_side)


def _by_kind(rows: Tensor, like: list[Tensor]) -> list[Tensor]:
    """The inverse, as views (M, blocks, kinds, rows, all the rest)."""
    parts = rows.split([part.shape[2] * part.shape[3] for part in like], dim=1)
    return [
        part.unflatten(0, each.shape[:2]).unflatten(2, each.shape[2:4])
        for part, each in zip(parts, like, strict=True)
    ]


def _or_zeros(gradient: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if gradient is None else gradient.view_as(like)
