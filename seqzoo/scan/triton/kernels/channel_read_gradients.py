"""Stages 1 and 2 backward where each key channel decays on its own: the gradients of what reads.

The sums of `row_gradients` with D_ij a number a channel, in the blocks of `block_decays` and
in parts of them: by products, each factor with its part of the decay.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false
# pyright: reportPossiblyUnboundVariable=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.block_decays import (
    BLOCK,
    LEVELS,
    between,
    block_decays,
    load_pairs,
    part_at,
    since_start,
    until_end,
)
from seqzoo.scan.triton.kernels.carried_gradients import carried_reading, store_total
from seqzoo.scan.triton.kernels.tiles import (
    decayed,
    erase_factor,
    erase_read,
    load,
    load_diagonal,
    locate,
    place_of,
    product,
    store,
    store_column,
)


@triton.jit(do_not_specialize=["time", "part_stride"])
def channel_read_gradients_kernel(
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
    read_stride,
    part_stride,
    scale,
    heads: tl.constexpr,
    key_heads: tl.constexpr,
    key_size: tl.constexpr,
    value_size: tl.constexpr,
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """The results of `row_gradients_kernel`, but of_from_start, of_before (tokens, H, K) and
    of_total (chunks, H, K). A program does one block of rows."""
    program, head, chunk = place_of(tl.cdiv(key_size, BLOCK_K) * (CHUNK // BLOCK), heads)
    part = program // (CHUNK // BLOCK)
    block = program % (CHUNK // BLOCK)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    first = block * BLOCK
    local = tl.arange(0, BLOCK)
    rows = local + first
    channels = part * BLOCK_K + tl.arange(0, BLOCK_K)
    at = chunk * heads + head
    key_head = head // (heads // key_heads)
    token = row * heads + head
    stride: tl.constexpr = heads * key_size
    query_stride: tl.constexpr = key_heads * key_size
    key_stride: tl.constexpr = STREAMS * query_stride
    log_decay += token * key_size
    queries += (row * key_heads + key_head) * key_size
    if ERASE:
        read += row * read_stride + key_head * key_size

    of_query, of_reading = carried_reading(
        of_outputs, of_solved, states, at, row, head, heads, rows, channels, count, key_size,
        value_size, scale, ERASE, PRECISION, BLOCK, CHUNK, BLOCK_K, BLOCK_V,
    )  # fmt: skip
    of_query = decayed(of_query, from_start, row, head, heads, rows, channels, count, key_size, 2)
    near_query = tl.zeros([BLOCK, BLOCK_K], tl.float32)
    if block == 0:
        store_total(
            of_total, from_start, states, of_states, chunk, row, head, heads, channels, count,
            key_size, value_size, BLOCK_K, BLOCK_V,
        )  # fmt: skip
    if ERASE:
        of_reading = decayed(
            of_reading, from_start, row, head, heads, rows - BEFORE, channels, count, key_size, 2
        )
        near_reading = tl.zeros([BLOCK, BLOCK_K], tl.float32)
    decays = block_decays(log_decay, stride, block, channels, count, key_size)

    for stream in range(STREAMS):
        square = (at * STREAMS + stream) * CHUNK * CHUNK
        key = keys + ((row * STREAMS + stream) * key_heads + key_head) * key_size

        for earlier in range(block):
            others = block_decays(log_decay, stride, earlier, channels, count, key_size)
            left = until_end(others, BLOCK, PRECISION)
            left += between(log_decay, stride, earlier, block, channels, count, key_size)
            start = earlier * BLOCK
            other = load(key, key_stride, local + start, channels, count, key_size)
            other = other.to(tl.float32) * tl.exp(left)
            zero = tl.zeros([BLOCK, BLOCK_K], tl.float32)
            kept = since_start(decays, BLOCK, 0, PRECISION)
            asked = load_pairs(of_scores + square, first, start, 0, CHUNK)
            of_query += product(asked, other, zero, PRECISION) * kept
            if ERASE:
                if BEFORE:
                    kept = since_start(decays, BLOCK, 1, PRECISION)
                removed = load_pairs(of_erased + square, first, start, BEFORE, CHUNK)
                of_reading += product(removed, other, zero, PRECISION) * kept

        tile = load(key, key_stride, rows, channels, count, key_size).to(tl.float32)
        for level in range(LEVELS):
            half = 1 << level
            zero = tl.zeros([BLOCK, BLOCK_K], tl.float32)
            other = tile * tl.exp(until_end(decays, half, PRECISION))
            kept = since_start(decays, half, 0, PRECISION)
            asked = load_pairs(of_scores + square, first, first, 0, CHUNK)
            asked = tl.where(part_at(half), asked, 0.0)
            of_query += product(asked, other, zero, PRECISION) * kept
            if ERASE:
                if BEFORE:
                    kept = since_start(decays, half, 1, PRECISION)
                removed = load_pairs(of_erased + square, first, first, BEFORE, CHUNK)
                removed = tl.where(part_at(half), removed, 0.0)
                of_reading += product(removed, other, zero, PRECISION) * kept

        near_query += load_diagonal(of_scores + square, rows, 0, CHUNK)[:, None] * tile
        if BEFORE:
            above = load(key, key_stride, rows - 1, channels, count, key_size).to(tl.float32)
            near_reading += load_diagonal(of_erased + square, rows, 1, CHUNK)[:, None] * above

    token *= key_size
    query = load(queries, query_stride, rows, channels, count, key_size)
    of_sums = query.to(tl.float32) * of_query
    of_query += near_query
    store(of_queries + token, stride, rows, channels, count, key_size, of_query)
    if ERASE:
        reading = erase_read(
            read, strength, read_stride, row, head, heads, rows, channels, count, key_size
        )
        if BEFORE:
            column = reading * of_reading
            store(of_before + token, stride, rows, channels, count, key_size, column)
        else:
            of_sums += reading * of_reading
        of_reading += near_reading
        if strength is not None:
            plain = load(read, read_stride, rows, channels, count, key_size)
            column = tl.sum(of_reading * plain.to(tl.float32), 1)
            place = of_strength + part.to(tl.int64) * part_stride + row * heads + head
            store_column(place, heads, rows, count, column)
        of_reading *= erase_factor(strength, row, head, heads, rows, count)[:, None]
        store(of_read + token, stride, rows, channels, count, key_size, of_reading)
    store(of_from_start + token, stride, rows, channels, count, key_size, of_sums)
