"""From a scan's tensors to rows of chunks, and from the rows' gradients back.

query rows   scale q
read rows    r = strength k, the erase's reads with its strength; r = -a for a general erase
key rows     the erase's key c (k or b), then the writes' keys; c is write key 1 itself if tied
value rows   strength v under each write's key, zero under an erase's own key
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo.scan.chunked.chunk_factors import short_sums
from seqzoo.scan.chunked.chunk_layout import (
    ChunkLayout,
    join_tokens,
    join_writes,
    split_tokens,
    split_writes,
)
from seqzoo.scan.problem import ScanProblem


class ScanTensors(NamedTuple):
    """The tensors of a `ScanProblem` without its state, in one dtype; also their gradients.

    Queries have T tokens along time, all others T * n micro-steps.
    """

    queries: Tensor
    keys: Tensor
    values: Tensor
    strengths: Tensor | None
    log_decay: Tensor | None
    erase_read: Tensor | None
    erase_strength: Tensor | None
    erase_write: Tensor | None

    @property
    def erases(self) -> bool:
        """Whether there is an erase."""
        return self.erase_strength is not None or self.erase_write is not None

    @property
    def tied(self) -> bool:
        """Whether the erase's key is write key 1, and what it reads with too."""
        return self.erase_strength is not None and self.erase_read is None

    @property
    def steps(self) -> int:
        """n, micro-steps a token."""
        return self.values.shape[1] // self.queries.shape[1]

    @property
    def sharing(self) -> int:
        """How many heads share a key head, H // G."""
        return self.values.shape[-2] // self.keys.shape[-2]

    @property
    def shares_rows(self) -> bool:
        """Whether the heads of a group have the same scores but for their decay and strength."""
        by_channel = self.log_decay is not None and self.log_decay.ndim == self.keys.ndim - 1
        return self.sharing > 1 and not by_channel

    @property
    def shares_scores(self) -> bool:
        """Whether the equations of `shared_scores` hold: rows are shared, and nothing is erased."""
        return self.shares_rows and not self.erases


class ScanOptions(NamedTuple):
    """The settings that are not differentiated.

    Attributes:
        cu_seqlens: (N + 1,) integer, or None if not packed.
        before_decay: the erase reads see the state before their token's decay.
        scale: a factor on the outputs.
        chunk_size: the most tokens per chunk.
        along_key: an erase with a read and a strength erases along write key 1.
    """

    cu_seqlens: Tensor | None
    before_decay: bool
    scale: float
    chunk_size: int
    along_key: bool = False


def scan_tensors(problem: ScanProblem) -> ScanTensors:
    """The tensors of a problem, in the dtype it computes in."""
    writes, transition = problem.writes, problem.transition
    erase, dtype = transition.erase, problem.dtype
    erased = (None, None, None) if erase is None else (erase.read, erase.strength, erase.write)
    return ScanTensors(
        problem.queries.to(dtype),
        writes.keys.to(dtype),
        writes.values.to(dtype),
        *(
            None if tensor is None else tensor.to(dtype)
            for tensor in (writes.strengths, transition.log_decay, *erased)
        ),
    )


class ChunkRows(NamedTuple):
    """The same in chunks of C micro-steps: N reading rows (see `chunk_factors`), Q key streams.

    Where the heads of a group share their rows, `reading` and `keys` have one row per group, M' of
    them, and the erase reads are without their strength; otherwise M' = M.

    Attributes:
        reading: (M', N, K), queries and erase reads.
        keys: (M', C, Q, K).
        values: (M, C, Q, V).
        log_decay: (M, C), (M, C, K) or None.
        strength: (M, C), the erase's, where rows are shared and it has one; None elsewhere.
    """

    reading: Tensor
    keys: Tensor
    values: Tensor
    log_decay: Tensor | None
    strength: Tensor | None


def chunk_rows(layout: ChunkLayout, tensors: ScanTensors, options: ScanOptions) -> ChunkRows:
    """Lays a scan's tensors out in chunks."""
    reading, keys = reading_and_keys(layout, tensors, options)
    values = split_writes(layout, tensors.values)
    own = keys.shape[2] - values.shape[4]  # key streams of the erase alone
    rows = values.new_empty(*layout.shape, *keys.shape[1:3], values.shape[-1])
    if tensors.strengths is None:
        rows[..., own:, :].copy_(values)
    else:
        factors = split_writes(layout, tensors.strengths)[..., None]
        torch.mul(values, factors, out=rows[..., own:, :])
    if own:
        rows[..., 0, :].zero_()
    log_decay = tensors.log_decay
    if log_decay is not None:
        log_decay = split_tokens(layout, log_decay).flatten(0, 2)
    return ChunkRows(reading, keys, rows.flatten(0, 2), log_decay, shared_strength(layout, tensors))


def shared_strength(layout: ChunkLayout, tensors: ScanTensors) -> Tensor | None:
    """`ChunkRows.strength`."""
    if not tensors.shares_rows or tensors.erase_strength is None:
        return None
    return split_tokens(layout, tensors.erase_strength).flatten(0, 2)


def reading_and_keys(
    layout: ChunkLayout, tensors: ScanTensors, options: ScanOptions
) -> tuple[Tensor, Tensor]:
    """The reading rows (M', N, K) and key rows (M', C, Q, K)."""
    read, strength, write = tensors[-3:]
    heads = tensors.keys.shape[-2] if tensors.shares_rows else layout.shape[2]
    queries = _per_head(split_tokens(layout, tensors.queries), heads)
    keys = _per_head(split_writes(layout, tensors.keys), heads)
    own = own_streams(tensors, options)
    shape, tokens, chunk, size = queries.shape[:3], queries.shape[3], keys.shape[3], keys.shape[-1]

    reading = queries.new_empty(*shape, tokens + tensors.erases * chunk, size)
    torch.mul(queries, options.scale, out=reading[..., :tokens, :])
    key_rows = keys.new_empty(*shape, chunk, own + keys.shape[4], size)
    key_rows[..., own:, :].copy_(keys)
    if tensors.erases:
        erase_read = keys[..., 0, :]
        if read is not None:
            erase_read = _per_head(split_tokens(layout, read), heads)
        if own:
            key_rows[..., 0, :].copy_(
                erase_read if write is None else _per_head(split_tokens(layout, write), heads)
            )
        if strength is None:
            torch.neg(erase_read, out=reading[..., tokens:, :])
        elif tensors.shares_rows:
            reading[..., tokens:, :].copy_(erase_read)
        else:
            factors = split_tokens(layout, strength)[..., None]
            torch.mul(erase_read, factors, out=reading[..., tokens:, :])
    return reading.flatten(0, 2), key_rows.flatten(0, 2)


def own_streams(tensors: ScanTensors, options: ScanOptions) -> int:
    """Key streams of the erase alone: 0, or 1 where it takes away along no key of the writes."""
    return int(tensors.erases and not tensors.tied and not options.along_key)


def tensor_gradients(
    layout: ChunkLayout,
    tensors: ScanTensors,
    options: ScanOptions,
    gradients: ChunkRows,
    into: ScanTensors,
) -> None:
    """Writes the gradients of `chunk_rows`' tensors, from those of its rows, into tensors alike."""
    values, strengths = tensors.values, tensors.strengths
    own = own_streams(tensors, options)
    groups = len(gradients.values) // tensors.sharing  # M rows or fewer, and as many sums
    of_queries = gradients.reading[:, : layout.chunk]
    of_queries = join_tokens(layout, _sums(of_queries, groups), into.queries)
    if options.scale != 1.0:
        of_queries.mul_(options.scale)
    of_keys = join_writes(layout, _sums(gradients.keys[:, :, own:], groups), into.keys)
    of_values = join_writes(layout, gradients.values[:, :, own:], into.values)
    if strengths is not None:
        assert into.strengths is not None
        into.strengths.copy_(short_sums(of_values * values))
        of_values.mul_(strengths[..., None])
    if into.log_decay is not None:
        assert gradients.log_decay is not None
        join_tokens(layout, gradients.log_decay, into.log_decay)

    if tensors.erases:
        of_read = _read_gradient(layout, tensors, gradients, into)
        if own:
            of_own = _sums(gradients.keys[:, :, 0], groups)
            if into.erase_write is None:
                of_read.add_(join_tokens(layout, of_own, torch.empty_like(of_read)))
            else:
                join_tokens(layout, of_own, into.erase_write)
        if tensors.erase_read is None:
            of_keys[:, :, 0] += of_read
        elif into.erase_read is not None and of_read is not into.erase_read:
            into.erase_read.copy_(of_read)


def _read_gradient(
    layout: ChunkLayout, tensors: ScanTensors, gradients: ChunkRows, into: ScanTensors
) -> Tensor:
    """The gradient of what the erase reads with, (B, T, G, K); writes that of its strength."""
    keys, read, strength, _ = tensors.keys, *tensors[-3:]
    sharing = 1 if tensors.shares_rows else tensors.sharing
    key_heads, size = keys.shape[-2:]
    if sharing == 1 and into.erase_read is not None:
        of_read = into.erase_read
    else:
        of_read = keys.new_empty(*keys.shape[:2], key_heads * sharing, size)
    join_tokens(layout, gradients.reading[:, layout.chunk :], of_read)
    grouped = of_read.unflatten(2, (key_heads, sharing))
    if strength is None:
        of_read.neg_()
    elif tensors.shares_rows:
        assert into.erase_strength is not None
        assert gradients.strength is not None
        join_tokens(layout, gradients.strength, into.erase_strength)
    else:
        assert into.erase_strength is not None
        by = keys[:, :, 0] if read is None else read
        into.erase_strength.copy_(short_sums(grouped * by.unsqueeze(3)).flatten(2))
        of_read.mul_(strength[..., None])
    return of_read if sharing == 1 else grouped.sum(3)


def _per_head(chunks: Tensor, heads: int) -> Tensor:
    """(steps, sequences, G, ...) -> (steps, sequences, H, ...)."""
    sharing = heads // chunks.shape[2]
    return chunks if sharing == 1 else chunks.repeat_interleave(sharing, dim=2)


def _sums(rows: Tensor, groups: int) -> Tensor:
    """(M, ...) -> (M // sharing, ...), the sum over the heads of each group."""
    return rows if len(rows) == groups else rows.unflatten(0, (groups, -1)).sum(1)
