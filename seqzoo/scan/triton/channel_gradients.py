"""Stages 1 and 2 backward where each key channel decays on its own: the gradients of all rows.

The sums of `head_gradients` with D_ij a number a channel, in the blocks of `channel_scores`:
between two blocks by products, each factor with its part of the decay; inside a block key by key.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false
# pyright: reportPossiblyUnboundVariable=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.carried_gradients import carried_key, carried_reading, store_total
from seqzoo.scan.triton.channel_scores import (
    BLOCK,
    block_sum,
    load_row,
    longer,
    since_start,
    until_end,
)
from seqzoo.scan.triton.tiles import (
    decayed,
    erase_factor,
    erase_read,
    load,
    locate,
    product,
    store,
    store_column,
)


@triton.jit
def far_block(squares, first, other, BEFORE: tl.constexpr, CHUNK: tl.constexpr):
    """A (BLOCK, BLOCK) part of a chunk's matrix, rows from `first`, columns from `other`, float32,
    without the pairs that no decay stands between."""
    i = tl.arange(0, BLOCK)[:, None] + first
    j = tl.arange(0, BLOCK)[None, :] + other
    tile = tl.load(squares + i * CHUNK + j).to(tl.float32)
    return tl.where(i > j + BEFORE, tile, 0.0)


@triton.jit
def near_column(squares, rows, BEFORE: tl.constexpr, CHUNK: tl.constexpr):
    """At each row the number of the one pair that no decay stands between: with its own token, or
    BEFORE with the one above; 0 where that is none of the chunk's."""
    held = (rows >= BEFORE) & (rows < CHUNK)
    at = rows * CHUNK + rows - BEFORE
    return tl.load(squares + at, mask=held, other=0.0).to(tl.float32)


@triton.jit(do_not_specialize=["time", "part_stride", "total_stride"])
def channel_gradients_kernel(
    queries,
    keys,
    values,
    strengths,
    read,
    strength,
    log_decay,
    from_start,
    to_end,
    solved,
    states,
    of_outputs,
    of_solved,
    of_states,
    of_scores,
    of_erased,
    of_queries,
    of_keys,
    of_read,
    of_strength,
    of_from_start,
    of_before,
    of_to_end,
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
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    OWN: tl.constexpr,
    TIED: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """The results of `head_gradients_kernel`, but of_from_start, of_before, of_to_end
    (tokens, H, K) and of_total (chunks, H, K). A program does one block of rows."""
    chunk = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    part = tl.program_id(2) // (CHUNK // BLOCK)
    block = tl.program_id(2) % (CHUNK // BLOCK)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    first = block * BLOCK
    local = tl.arange(0, BLOCK)
    rows = local + first
    channels = part * BLOCK_K + tl.arange(0, BLOCK_K)
    at = chunk * heads + head
    token = row * heads + head
    stride = heads * key_size
    key_stride = STREAMS * stride
    log_decay += token * key_size
    queries += token * key_size

    query = load(queries, stride, rows, channels, count, key_size).to(tl.float32)
    of_query, of_reading, total = carried_reading(
        of_outputs, of_solved, states, of_states, at, row, head, heads, rows, channels, count,
        key_size, value_size, scale, 2, ERASE, PRECISION, BLOCK, CHUNK, BLOCK_K, BLOCK_V,
    )  # fmt: skip
    of_query = decayed(of_query, from_start, row, head, heads, rows, channels, count, key_size, 2)
    near_query = tl.zeros([BLOCK, BLOCK_K], tl.float32)
    since = since_start(log_decay, stride, first, channels, count, key_size, 0)
    if block == 0:
        store_total(
            of_total, total, from_start, chunk, row, head, heads, channels, count, key_size, 2
        )
    if ERASE:
        reading = erase_read(
            read, strength, read_stride, row, head, heads, rows, channels, count, key_size
        )
        of_reading = decayed(
            of_reading, from_start, row, head, heads, rows - BEFORE, channels, count, key_size, 2
        )
        near_reading = tl.zeros([BLOCK, BLOCK_K], tl.float32)
        read_since = since
        if BEFORE:
            read_since = since_start(log_decay, stride, first, channels, count, key_size, 1)
    of_sums = tl.zeros([BLOCK, BLOCK_K], tl.float32)
    of_ends = tl.zeros([BLOCK, BLOCK_K], tl.float32)
    own_left = until_end(log_decay, stride, first, channels, count, key_size)

    for order in range(STREAMS):
        stream = STREAMS - 1 - order
        squares = (at * STREAMS + stream) * CHUNK * CHUNK
        key = keys + ((row * STREAMS + stream) * heads + head) * key_size
        tile = load(key, key_stride, rows, channels, count, key_size).to(tl.float32)

        # reading rows by earlier blocks' keys
        for earlier in range(block):
            left = until_end(log_decay, stride, earlier * BLOCK, channels, count, key_size)
            for between in range(earlier + 1, block):
                middle = between * BLOCK
                left += block_sum(log_decay, stride, middle, channels, count, key_size)[None, :]
            other = load(key, key_stride, local + earlier * BLOCK, channels, count, key_size)
            other = other.to(tl.float32) * tl.exp(left)
            zero = tl.zeros([BLOCK, BLOCK_K], tl.float32)
            asked = far_block(of_scores + squares, first, earlier * BLOCK, 0, CHUNK)
            of_query += product(asked, other, zero, PRECISION) * since
            if ERASE:
                removed = far_block(of_erased + squares, first, earlier * BLOCK, BEFORE, CHUNK)
                of_reading += product(removed, other, zero, PRECISION) * read_since

        # both sides inside the block
        by_pairs = tl.zeros([BLOCK, BLOCK_K], tl.float32)
        spans = tl.zeros([BLOCK, BLOCK_K], tl.float32)
        read_spans = tl.zeros([BLOCK, BLOCK_K], tl.float32)
        for step in range(BLOCK):
            nth = BLOCK - 1 - step
            here = load_row(key, key_stride, first + nth, channels, count, key_size)
            spans = longer(spans, log_decay, stride, first, nth, channels, count, key_size, 0)
            pair = squares + rows * CHUNK + first + nth
            asked = tl.load(of_scores + pair).to(tl.float32)
            met = tl.where(local > nth, asked, 0.0)[:, None] * tl.exp(spans)
            of_query += met * here[None, :]
            of_here = tl.sum(met * query, 0)
            if ERASE:
                removed = tl.load(of_erased + pair).to(tl.float32)
                if BEFORE:
                    read_spans = longer(
                        read_spans, log_decay, stride, first, nth, channels, count, key_size, 1
                    )
                else:
                    read_spans = spans
                met = tl.where(local > nth + BEFORE, removed, 0.0)[:, None] * tl.exp(read_spans)
                of_reading += met * here[None, :]
                of_here += tl.sum(met * reading, 0)
            by_pairs += tl.where(local[:, None] == nth, of_here[None, :], 0.0)

        # keys by later blocks' rows
        left = own_left
        for later in range(block + 1, CHUNK // BLOCK):
            start = later * BLOCK
            if later > block + 1:
                passed = start - BLOCK
                left += block_sum(log_decay, stride, passed, channels, count, key_size)[None, :]
            zero = tl.zeros([BLOCK, BLOCK_K], tl.float32)
            asked = far_block(of_scores + squares, start, first, 0, CHUNK)
            other = load(queries, stride, local + start, channels, count, key_size)
            other = other.to(tl.float32) * since_start(
                log_decay, stride, start, channels, count, key_size, 0
            )
            found = product(tl.trans(asked), other, zero, PRECISION)
            if ERASE:
                removed = far_block(of_erased + squares, start, first, BEFORE, CHUNK)
                other = erase_read(
                    read, strength, read_stride, row, head, heads, local + start, channels, count,
                    key_size,
                )  # fmt: skip
                other *= since_start(log_decay, stride, start, channels, count, key_size, BEFORE)
                found = product(tl.trans(removed), other, found, PRECISION)
            by_pairs += found * tl.exp(left)

        of_key = carried_key(
            values, strengths, solved, of_states, stream, at, row, head, heads, rows, channels,
            count, key_size, value_size, ERASE, OWN, STREAMS, PRECISION, BLOCK, CHUNK, BLOCK_K,
            BLOCK_V,
        )  # fmt: skip
        of_key = decayed(of_key, to_end, row, head, heads, rows, channels, count, key_size, 2)
        of_ends += tile * of_key
        of_sums -= tile * by_pairs
        of_key += by_pairs

        # pairs that no decay stands between
        diagonal = near_column(of_scores + squares, rows, 0, CHUNK)
        near_query += diagonal[:, None] * tile
        of_key += diagonal[:, None] * query
        if BEFORE:
            above = load(key, key_stride, rows - 1, channels, count, key_size).to(tl.float32)
            near_reading += near_column(of_erased + squares, rows, 1, CHUNK)[:, None] * above
            below = erase_read(
                read, strength, read_stride, row, head, heads, rows + 1, channels, count, key_size
            )
            of_key += near_column(of_erased + squares, rows + 1, 1, CHUNK)[:, None] * below
        if TIED:  # noqa: SIM102
            if stream == 0:
                factor = erase_factor(strength, row, head, heads, rows, count)
                of_key += (of_reading + near_reading) * factor[:, None]
        place = of_keys + ((row * STREAMS + stream) * heads + head) * key_size
        store(place, key_stride, rows, channels, count, key_size, of_key)

    of_sums += query * of_query
    at = token * key_size
    if ERASE:
        if BEFORE:
            store(of_before + at, stride, rows, channels, count, key_size, reading * of_reading)
        else:
            of_sums += reading * of_reading
        of_reading += near_reading
        if strength is not None:
            plain = read + row * read_stride + head * key_size
            plain = load(plain, read_stride, rows, channels, count, key_size)
            column = tl.sum(of_reading * plain.to(tl.float32), 1)
            place = of_strength + part * part_stride + token
            store_column(place, heads, rows, count, column)
        if not TIED:
            factor = erase_factor(strength, row, head, heads, rows, count)
            of_reading *= factor[:, None]
            store(of_read + at, stride, rows, channels, count, key_size, of_reading)
    store(of_queries + at, stride, rows, channels, count, key_size, of_query + near_query)
    store(of_from_start + at, stride, rows, channels, count, key_size, of_sums)
    store(of_to_end + at, stride, rows, channels, count, key_size, of_ends)
