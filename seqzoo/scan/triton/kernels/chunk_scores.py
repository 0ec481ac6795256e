"""Stages 1 and 2 where a head decays as one, or not at all: the scores within a chunk.

    G_i = g_1 + ... + g_i        E_i = g_{i+1} + ... + g_C

    A_l[i, j] = q_i . k_j^l  e^{G_i - G_j}    for j <= i
    N_l[i, j] = r_i . k_j^l  e^{G_i - G_j}    for j < i        e^{G_{i-1} - G_j} before the decay

    L = (I + N_0)^-1

for each key stream l. Stream 0 is the erase's key; of N_0 only L is needed. In half precision
e^{G_i - G_j} is of the difference of two sums, in float32 of the sum of what lies between, which
keeps its digits whatever came before.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.inverse import inverse_of
from seqzoo.scan.triton.kernels.tiles import (
    LEAST,
    LEAST_HALF,
    at_least,
    erase_factor,
    load_column,
    load_rows,
    locate,
    place_of,
    product,
    store_column,
    store_square,
)


@triton.jit
def head_decays(log_decay, row, head, heads, rows, count, HALF: tl.constexpr):
    """g of a chunk, (C,) float32."""
    here = load_column(log_decay + row * heads + head, heads, rows, count)
    return at_least(here, LEAST_HALF if HALF else LEAST)


@triton.jit
def span_decays(
    log_decay, row, head, heads, count, BEFORE: tl.constexpr, HALF: tl.constexpr,
    CHUNK: tl.constexpr,
):  # fmt: skip
    """e^(g_{j+1} + ... + g_i), BEFORE without g_i: (CHUNK, CHUNK); 1 where nothing is summed."""
    rows = tl.arange(0, CHUNK)
    if HALF:
        here = head_decays(log_decay, row, head, heads, rows, count, HALF)
        sums = tl.cumsum(here, 0)
        until = sums - here if BEFORE else sums
        return tl.exp(tl.minimum(until[:, None] - sums[None, :], 0.0))
    else:
        here = head_decays(log_decay, row, head, heads, rows - BEFORE, count, HALF)
        steps = tl.where(rows[:, None] - BEFORE > rows[None, :], here[:, None], 0.0)
        return tl.exp(tl.cumsum(steps, 0))


@triton.jit
def raw_scores(
    reading,
    reading_stride,
    key,
    key_stride,
    count,
    key_size: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """reading @ key^T, (CHUNK, CHUNK) float32."""
    rows = tl.arange(0, CHUNK)
    total = tl.zeros([CHUNK, CHUNK], tl.float32)
    for start in range(0, key_size, BLOCK_K):
        columns = start + tl.arange(0, BLOCK_K)
        right = load_rows(key, key_stride, rows, columns, count, key_size)
        left = load_rows(reading, reading_stride, rows, columns, count, key_size)
        total = product(left, tl.trans(right), total, PRECISION)
    return total


@triton.jit(do_not_specialize=["time"])
def chunk_scores_kernel(
    queries,
    keys,
    read,
    strength,
    log_decay,
    from_start,
    to_end,
    scores,
    erased,
    inverse,
    starts,
    counts,
    time,
    read_stride,
    heads: tl.constexpr,
    key_heads: tl.constexpr,
    key_size: tl.constexpr,
    KIND: tl.constexpr,
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    SOLVE: tl.constexpr,
    HALF: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """queries (tokens, G, K), keys (tokens, Q, G, K), log_decay (tokens, H) -> from_start, to_end
    (tokens, H) float32, scores (chunks, H, Q, C, C), erased (chunks, H, Q - 1, C, C) of the streams
    behind the erase's, and inverse (chunks, H, C, C)."""
    _, head, chunk = place_of(1, heads)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    rows = tl.arange(0, CHUNK)
    i, j = rows[:, None], rows[None, :]
    key_head = head // (heads // key_heads)
    at = chunk * heads + head
    queries += (row * key_heads + key_head) * key_size
    stride: tl.constexpr = key_heads * key_size

    if KIND == 1:
        here = head_decays(log_decay, row, head, heads, rows, count, HALF)
        after = head_decays(log_decay, row, head, heads, rows + 1, count, HALF)
        place = row * heads + head
        store_column(from_start + place, heads, rows, count, tl.cumsum(here, 0))
        store_column(to_end + place, heads, rows, count, tl.cumsum(after, 0, reverse=True))
        spans = span_decays(log_decay, row, head, heads, count, 0, HALF, CHUNK)

    for stream in range(STREAMS):
        key = keys + ((row * STREAMS + stream) * key_heads + key_head) * key_size
        asked = raw_scores(
            queries, stride, key, STREAMS * stride, count, key_size, PRECISION, CHUNK, BLOCK_K
        )
        if KIND == 1:
            asked *= spans
        asked = tl.where(i >= j, asked, 0.0)
        store_square(scores + (at * STREAMS + stream) * CHUNK * CHUNK, asked, CHUNK)

    if ERASE:
        read += row * read_stride + key_head * key_size
        factor = erase_factor(strength, row, head, heads, rows, count)[:, None]
        if BEFORE:
            spans = span_decays(log_decay, row, head, heads, count, 1, HALF, CHUNK)
        for stream in range(1, STREAMS):
            key = keys + ((row * STREAMS + stream) * key_heads + key_head) * key_size
            removed = raw_scores(
                read, read_stride, key, STREAMS * stride, count, key_size, PRECISION, CHUNK, BLOCK_K
            )
            if KIND == 1:
                removed *= spans
            removed = tl.where(i > j, removed * factor, 0.0)
            place = at * (STREAMS - 1) + stream - 1
            store_square(erased + place * CHUNK * CHUNK, removed, CHUNK)
        key = keys + (row * STREAMS * key_heads + key_head) * key_size
        removed = raw_scores(
            read, read_stride, key, STREAMS * stride, count, key_size, PRECISION, CHUNK, BLOCK_K
        )
        if KIND == 1:
            removed *= spans
        removed = tl.where(i > j, removed * factor, 0.0)
        store_square(inverse + at * CHUNK * CHUNK, inverse_of(removed, SOLVE, CHUNK), CHUNK)
