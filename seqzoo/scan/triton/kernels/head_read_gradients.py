"""Stages 1 and 2 backward where a head decays as one, or not at all: the gradients of what reads.

    dq_i = sum_lj D_ij dA_l[i,j] k_j^l  + carried        D_ij = e^{G_i - G_j}
    dr_i = sum_lj D_ij dN_l[i,j] k_j^l  + carried

The exponents' gradients follow from the rows': dG_i += q_i . dq_i + r_i . dr_i. Pairs that no decay
stands between add zero to them; they are kept out, where rounding would not: D is 0 there, and such
a pair, one a row, is added on its own. `head_key_gradients` has the other side of each pair.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false
# pyright: reportPossiblyUnboundVariable=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.carried_gradients import carried_reading, store_total
from seqzoo.scan.triton.kernels.head_scores import span_decays
from seqzoo.scan.triton.kernels.tiles import (
    decayed,
    erase_factor,
    erase_read,
    load,
    load_diagonal,
    load_square,
    locate,
    product,
    rounded,
    store,
    store_column,
)


@triton.jit
def pair_decays(log_decay, row, head, heads, count, BEFORE: tl.constexpr, CHUNK: tl.constexpr):
    """`span_decays` of the pairs that a decay stands between, 0 of all others: (CHUNK, CHUNK)."""
    rows = tl.arange(0, CHUNK)
    spans = span_decays(log_decay, row, head, heads, count, BEFORE, CHUNK)
    return tl.where(rows[:, None] > rows[None, :] + BEFORE, spans, 0.0)


@triton.jit(do_not_specialize=["time", "part_stride", "total_stride"])
def head_read_gradients_kernel(
    queries,
    keys,
    read,
    strength,
    log_decay,
    from_start,
    states,
    of_outputs,
    of_solved,
    of_states,
    of_scores,
    of_erased,
    of_queries,
    of_read,
    of_strength,
    of_from_start,
    of_before,
    of_total,
    starts,
    counts,
    time,
    heads,
    key_size,
    value_size,
    read_stride,
    part_stride,
    total_stride,
    scale,
    KIND: tl.constexpr,
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """of_queries, of_read (tokens, H, K); of_strength, of_from_start, of_before
    (K blocks, tokens, H) and of_total (K blocks, chunks, H), float32."""
    chunk = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    rows = tl.arange(0, CHUNK)
    channels = tl.program_id(2) * BLOCK_K + tl.arange(0, BLOCK_K)
    at = chunk * heads + head
    dtype = keys.dtype.element_ty
    token = row * heads + head
    stride = heads * key_size
    key_stride = STREAMS * stride
    part = tl.program_id(2).to(tl.int64) * part_stride + token

    of_query, of_reading = carried_reading(
        of_outputs, of_solved, states, at, row, head, heads, rows, channels, count, key_size,
        value_size, scale, ERASE, PRECISION, CHUNK, CHUNK, BLOCK_K, BLOCK_V,
    )  # fmt: skip
    of_query = decayed(
        of_query, from_start, row, head, heads, rows, channels, count, key_size, KIND
    )
    near_query = tl.zeros([CHUNK, BLOCK_K], tl.float32)
    if KIND == 1:
        store_total(
            of_total + tl.program_id(2) * total_stride, from_start, states, of_states, chunk, row,
            head, heads, channels, count, key_size, value_size, KIND, BLOCK_K, BLOCK_V,
        )  # fmt: skip
        spans = pair_decays(log_decay, row, head, heads, count, 0, CHUNK)
    if ERASE:
        of_reading = decayed(
            of_reading, from_start, row, head, heads, rows - BEFORE, channels, count, key_size, KIND
        )
        near_reading = tl.zeros([CHUNK, BLOCK_K], tl.float32)
        if BEFORE:
            read_spans = pair_decays(log_decay, row, head, heads, count, 1, CHUNK)
        elif KIND == 1:
            read_spans = spans

    for stream in range(STREAMS):
        key = keys + ((row * STREAMS + stream) * heads + head) * key_size
        tile = load(key, key_stride, rows, channels, count, key_size)
        square = (at * STREAMS + stream) * CHUNK * CHUNK
        asked = load_square(of_scores + square, CHUNK)
        if KIND == 1:
            diagonal = load_diagonal(of_scores + square, rows, 0, CHUNK)
            near_query += diagonal[:, None] * tile.to(tl.float32)
            asked = rounded(asked.to(tl.float32) * spans, dtype)
        of_query = product(asked, tile, of_query, PRECISION)
        if ERASE:
            removed = load_square(of_erased + square, CHUNK)
            if BEFORE:
                above = load(key, key_stride, rows - 1, channels, count, key_size)
                next_to = load_diagonal(of_erased + square, rows, 1, CHUNK)
                near_reading += next_to[:, None] * above.to(tl.float32)
            if KIND == 1:
                removed = rounded(removed.to(tl.float32) * read_spans, dtype)
            of_reading = product(removed, tile, of_reading, PRECISION)

    if KIND == 1:
        query = load(queries + token * key_size, stride, rows, channels, count, key_size)
        of_sums = tl.sum(query.to(tl.float32) * of_query, 1)
    of_query += near_query
    store(of_queries + token * key_size, stride, rows, channels, count, key_size, of_query)
    if ERASE:
        if KIND == 1:
            reading = erase_read(
                read, strength, read_stride, row, head, heads, rows, channels, count, key_size
            )
            column = tl.sum(reading * of_reading, 1)
            if BEFORE:
                store_column(of_before + part, heads, rows, count, column)
            else:
                of_sums += column
        of_reading += near_reading
        if strength is not None:
            plain = read + row * read_stride + head * key_size
            plain = load(plain, read_stride, rows, channels, count, key_size)
            column = tl.sum(of_reading * plain.to(tl.float32), 1)
            store_column(of_strength + part, heads, rows, count, column)
        of_reading *= erase_factor(strength, row, head, heads, rows, count)[:, None]
        store(of_read + token * key_size, stride, rows, channels, count, key_size, of_reading)
    if KIND == 1:
        store_column(of_from_start + part, heads, rows, count, of_sums)
