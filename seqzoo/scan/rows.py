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

from seqzoo.scan.factors import short_sums
from seqzoo.scan.layout import (
    ChunkLayout,
    join_tokens,
    join_writes,
    split_tokens,
    split_writes,
)
from seqzoo.scan.problem import ScanProblem


class ScanTensors(NamedTuple):
    """The tensors of a `ScanProblem` without its state, in one dtype; also their gradients."""

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
        """Whether the erase's key is write key 1."""
        return self.erase_strength is not None and self.erase_read is None


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
    """The same in chunks: P kinds of reading rows, 1 or with an erase 2, and Q key streams.

    Attributes:
        reading: (M, P, C, K), queries and erase reads.
        keys: (M, C, Q, K).
        values: (M, C, Q, V).
        log_decay: (M, C), (M, C, K) or None.
    """

    reading: Tensor
    keys: Tensor
    values: Tensor
    log_decay: Tensor | None


def chunk_rows(layout: ChunkLayout, tensors: ScanTensors, scale: float) -> ChunkRows:
    """Lays a scan's tensors out in chunks."""
    reading, keys = reading_and_keys(layout, tensors, scale)
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
    return ChunkRows(reading, keys, rows.flatten(0, 2), log_decay)


def reading_and_keys(
    layout: ChunkLayout, tensors: ScanTensors, scale: float
) -> tuple[Tensor, Tensor]:
    """The reading rows (M, P, C, K) and key rows (M, C, Q, K)."""
    queries, keys, _, _, _, read, strength, write = tensors
    queries = split_tokens(layout, queries)
    keys = split_writes(layout, keys)
    own = int(tensors.erases and not tensors.tied)
    streams, chunk, size = own + keys.shape[4], layout.chunk, keys.shape[-1]

    reading = queries.new_empty(*layout.shape, 1 + tensors.erases, chunk, size)
    torch.mul(queries, scale, out=reading[:, :, :, 0])
    key_rows = keys.new_empty(*layout.shape, chunk, streams, size)
    key_rows[..., own:, :].copy_(keys)
    if tensors.erases:
        erase_read = keys[..., 0, :] if read is None else split_tokens(layout, read)
        erase_key = erase_read if write is None else split_tokens(layout, write)
        if own:
            key_rows[..., 0, :].copy_(erase_key)
        if strength is None:
            torch.neg(erase_read, out=reading[:, :, :, 1])
        else:
            factors = split_tokens(layout, strength)[..., None]
            torch.mul(erase_read, factors, out=reading[:, :, :, 1])
    return reading.flatten(0, 2), key_rows.flatten(0, 2)


def tensor_gradients(
    layout: ChunkLayout,
    tensors: ScanTensors,
    scale: float,
    gradients: ChunkRows,
    into: ScanTensors,
) -> None:
    """Writes the gradients of `chunk_rows`' tensors, from those of its rows, into tensors alike."""
    _, keys, values, strengths, _, read, strength, write = tensors
    own = int(tensors.erases and not tensors.tied)
    of_queries = join_tokens(layout, gradients.reading[:, 0], into.queries)
    if scale != 1.0:
        of_queries.mul_(scale)
    of_keys = join_writes(layout, gradients.keys[:, :, own:], into.keys)
    of_values = join_writes(layout, gradients.values[:, :, own:], into.values)
    if strengths is not None:
        assert into.strengths is not None
        into.strengths.copy_(short_sums(of_values * values))
        of_values.mul_(strengths[..., None])
    if gradients.log_decay is not None:
        assert into.log_decay is not None
        join_tokens(layout, gradients.log_decay, into.log_decay)

    if tensors.erases:
        of_read = torch.empty_like(of_queries) if into.erase_read is None else into.erase_read
        join_tokens(layout, gradients.reading[:, 1], of_read)
        if strength is None:
            of_read.neg_()
        else:
            assert into.erase_strength is not None
            into.erase_strength.copy_(
                short_sums(of_read * (keys[:, :, 0] if read is None else read))
            )
            of_read.mul_(strength[..., None])
        if own and write is None:
            of_read.add_(join_tokens(layout, gradients.keys[:, :, 0], torch.empty_like(of_read)))
        elif own:
            assert into.erase_write is not None
            join_tokens(layout, gradients.keys[:, :, 0], into.erase_write)
        if read is None:
            of_keys[:, :, 0] += of_read
