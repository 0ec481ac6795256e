"""Stages 1 and 2 backward where each key channel decays on its own: the gradients of the keys.

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
from seqzoo.scan.triton.kernels.carried_gradients import carried_key
from seqzoo.scan.triton.kernels.tiles import (
    decayed,
    erase_read,
    load,
    load_diagonal,
    locate,
    place_of,
    product,
    store,
)


@triton.jit(do_not_specialize=["time"])
def channel_key_gradients_kernel(
    queries,
    keys,
    values,
    strengths,
    read,
    strength,
    log_decay,
    to_end,
    solved,
    of_states,
    of_scores,
    of_erased,
    of_tied,
    of_keys,
    of_key_sums,
    of_to_end,
    starts,
    counts,
    time,
    read_stride,
    heads: tl.constexpr,
    key_heads: tl.constexpr,
    key_size: tl.constexpr,
    value_size: tl.constexpr,
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    OWN: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """The results of `row_gradients_kernel`, but of_key_sums and of_to_end (tokens, H, K). A
    program does one block of keys."""
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
    token = (row * heads + head) * key_size
    stride: tl.constexpr = heads * key_size
    query_stride: tl.constexpr = key_heads * key_size
    key_stride: tl.constexpr = STREAMS * query_stride
    log_decay += token
    queries += (row * key_heads + key_head) * key_size
    if ERASE:
        read += row * read_stride + key_head * key_size

    query = load(queries, query_stride, rows, channels, count, key_size).to(tl.float32)
    if ERASE:
        reading = erase_read(
            read, strength, read_stride, row, head, heads, rows, channels, count, key_size
        )
    decays = block_decays(log_decay, stride, block, channels, count, key_size)
    of_sums = tl.zeros([BLOCK, BLOCK_K], tl.float32)
    of_ends = tl.zeros([BLOCK, BLOCK_K], tl.float32)

    for stream in range(STREAMS):
        square = (at * STREAMS + stream) * CHUNK * CHUNK
        by_pairs = tl.zeros([BLOCK, BLOCK_K], tl.float32)
        for level in range(LEVELS):
            half = 1 << level
            zero = tl.zeros([BLOCK, BLOCK_K], tl.float32)
            kept = since_start(decays, half, 0, PRECISION)
            asked = load_pairs(of_scores + square, first, first, 0, CHUNK)
            asked = tl.where(part_at(half), asked, 0.0)
            found = product(tl.trans(asked), query * kept, zero, PRECISION)
            if ERASE:
                if BEFORE:
                    kept = since_start(decays, half, 1, PRECISION)
                removed = load_pairs(of_erased + square, first, first, BEFORE, CHUNK)
                removed = tl.where(part_at(half), removed, 0.0)
                found = product(tl.trans(removed), reading * kept, found, PRECISION)
            by_pairs += found * tl.exp(until_end(decays, half, PRECISION))

        for later in range(block + 1, CHUNK // BLOCK):
            others = block_decays(log_decay, stride, later, channels, count, key_size)
            start = later * BLOCK
            zero = tl.zeros([BLOCK, BLOCK_K], tl.float32)
            kept = since_start(others, BLOCK, 0, PRECISION)
            other = load(queries, query_stride, local + start, channels, count, key_size)
            asked = load_pairs(of_scores + square, start, first, 0, CHUNK)
            found = product(tl.trans(asked), other.to(tl.float32) * kept, zero, PRECISION)
            if ERASE:
                if BEFORE:
                    kept = since_start(others, BLOCK, 1, PRECISION)
                other = erase_read(
                    read, strength, read_stride, row, head, heads, local + start, channels, count,
                    key_size,
                )  # fmt: skip
                removed = load_pairs(of_erased + square, start, first, BEFORE, CHUNK)
                found = product(tl.trans(removed), other * kept, found, PRECISION)
            left = until_end(decays, BLOCK, PRECISION)
            left += between(log_decay, stride, block, later, channels, count, key_size)
            by_pairs += found * tl.exp(left)

        of_key = carried_key(
            values, strengths, solved, of_states, stream, at, row, head, heads, rows, channels,
            count, key_size, value_size, ERASE, OWN, STREAMS, PRECISION, BLOCK, CHUNK, BLOCK_K,
            BLOCK_V,
        )  # fmt: skip
        of_key = decayed(of_key, to_end, row, head, heads, rows, channels, count, key_size, 2)
        key = keys + ((row * STREAMS + stream) * key_heads + key_head) * key_size
        tile = load(key, key_stride, rows, channels, count, key_size).to(tl.float32)
        of_ends += tile * of_key
        of_sums -= tile * by_pairs
        of_key += by_pairs
        of_key += load_diagonal(of_scores + square, rows, 0, CHUNK)[:, None] * query
        if BEFORE:
            below = erase_read(
                read, strength, read_stride, row, head, heads, rows + 1, channels, count, key_size
            )
            of_key += load_diagonal(of_erased + square, rows + 1, 1, CHUNK)[:, None] * below
        if of_tied is not None:  # noqa: SIM102
            if stream == 0:
                of_key += load(of_tied + token, stride, rows, channels, count, key_size)
        place = ((row * STREAMS + stream) * heads + head) * key_size
        store(of_keys + place, STREAMS * stride, rows, channels, count, key_size, of_key)

    store(of_key_sums + token, stride, rows, channels, count, key_size, of_sums)
    store(of_to_end + token, stride, rows, channels, count, key_size, of_ends)
