"""Stages 1 and 2 backward where each key channel decays on its own: of what reads, keys and decays.

The sums of `row_gradients` with D_ij a number a channel, by the split of `run_decays`:

    dq_i = (do S)_i e^{G_i} + e^{G_i - G_m} sum_lj dA_l[i,j] (k_j^l e^{G_m - G_j})

and so on. Pairs that no decay stands between are apart, as there, and a program does a whole chunk
so that it ends with the decay's gradient. A read before the decay sees it up to the token before:
so row i has the read of token i + 1, and the last row that of the first token, which no decay of
the chunk has met.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false
# pyright: reportPossiblyUnboundVariable=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.run_decays import (
    BLOCK,
    decay_of,
    halvings,
    served,
    since_middle,
)
from seqzoo.scan.triton.kernels.tiles import (
    erase_factor,
    load_all,
    load_column,
    load_rows,
    locate,
    place_of,
    product,
    store,
    store_column,
    strength_under,
    value_under,
)


@triton.jit(do_not_specialize=["time"])
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
    states,
    solved,
    of_outputs,
    of_states,
    of_solved,
    of_scores,
    of_erased,
    near_scores,
    near_erased,
    of_queries,
    of_keys,
    of_read,
    of_strength,
    of_log_decay,
    starts,
    counts,
    time,
    read_stride,
    scale,
    heads: tl.constexpr,
    key_heads: tl.constexpr,
    key_size: tl.constexpr,
    value_size: tl.constexpr,
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    OWN: tl.constexpr,
    SHARED: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    SOLVE: tl.constexpr,
    HALF: tl.constexpr,
    CHUNK: tl.constexpr,
    KEYS: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """The results of `row_gradients_kernel`, but of_log_decay (tokens, H, K)."""
    _, head, chunk = place_of(1, heads)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    rows = tl.arange(0, CHUNK)
    key_head = head // (heads // key_heads)
    at = chunk * heads + head
    square: tl.constexpr = CHUNK * CHUNK
    rank: tl.constexpr = STREAMS - OWN
    stride: tl.constexpr = key_heads * key_size
    head_stride: tl.constexpr = heads * key_size
    token = row * heads + head
    states += at * key_size * value_size
    of_states += at * key_size * value_size
    queries += (row * key_heads + key_head) * key_size
    log_decay += token * key_size
    from_start += token * key_size
    of_factor = tl.zeros([CHUNK], tl.float32)
    if ERASE:
        read += row * read_stride + key_head * key_size
        reads = rows  # the token whose read each row has
        if BEFORE:
            reads = (rows + 1) % CHUNK
        factor = erase_factor(strength, row, head, heads, reads, count)
    levels = halvings(from_start, head_stride, count, key_size, HALF, KEYS, CHUNK)

    for start in range(0, key_size, BLOCK_K):
        channels = start + tl.arange(0, BLOCK_K)
        zero = tl.zeros([CHUNK, BLOCK_K], tl.float32)
        of_query = zero
        of_reading = zero
        of_total = tl.zeros([BLOCK_K], tl.float32)
        for first in range(0, value_size, BLOCK_V):
            columns = first + tl.arange(0, BLOCK_V)
            state = load_rows(states, value_size, channels, columns, key_size, value_size)
            upstream = of_outputs + token * value_size
            upstream = load_rows(upstream, heads * value_size, rows, columns, count, value_size)
            of_query = product(upstream, tl.trans(state), of_query, PRECISION)
            if ERASE:
                right = of_solved + at * CHUNK * value_size
                right = load_all(right, value_size, reads, columns, value_size)
                of_reading = product(right, tl.trans(state), of_reading, PRECISION)
            behind = load_rows(of_states, value_size, channels, columns, key_size, value_size)
            of_total += tl.sum(state.to(tl.float32) * behind.to(tl.float32), 1)
        until = load_rows(from_start, head_stride, rows, channels, count, key_size)
        last = from_start + (count - 1) * head_stride + channels
        last = tl.load(last, mask=channels < key_size, other=0.0)
        of_total *= tl.exp(last)
        of_query *= scale * tl.exp(until)
        if ERASE:
            if BEFORE:
                until = tl.where(rows[:, None] < CHUNK - 1, until, 0.0)
            of_reading *= -tl.exp(until)

        for stream in range(STREAMS):
            key = keys + ((row * STREAMS + stream) * key_heads + key_head) * key_size
            pairs = (at * STREAMS + stream) * square
            for level in range(levels + 1):
                met = zero
                found = zero
                for part in range(0, CHUNK, BLOCK):
                    others = part + tl.arange(0, BLOCK)
                    since = since_middle(
                        log_decay, from_start, head_stride, level, others, channels, count,
                        key_size, 0, HALF, PRECISION, CHUNK,
                    )  # fmt: skip
                    tile = load_rows(key, STREAMS * stride, others, channels, count, key_size)
                    decayed = tile.to(tl.float32) * decay_of(-since)
                    held = served(level, levels, rows, others, CHUNK)
                    place = pairs + rows[:, None] * CHUNK + others[None, :]
                    asked = tl.where(held, tl.load(of_scores + place).to(tl.float32), 0.0)
                    met = product(asked, decayed, met, SOLVE)
                    if ERASE:
                        if BEFORE:
                            place = pairs + reads[:, None] * CHUNK + others[None, :]
                        asked = tl.where(held, tl.load(of_erased + place).to(tl.float32), 0.0)
                        found = product(asked, decayed, found, SOLVE)
                since = since_middle(
                    log_decay, from_start, head_stride, level, rows, channels, count, key_size, 0,
                    HALF, PRECISION, CHUNK,
                )  # fmt: skip
                of_query += met * decay_of(since)
                if ERASE:
                    of_reading += found * decay_of(since)
        query = load_rows(queries, stride, rows, channels, count, key_size)
        of_sums = query.to(tl.float32) * of_query  # of G_i
        if ERASE:
            plain = load_rows(read, read_stride, reads, channels, count, key_size).to(tl.float32)
            by_read = plain * of_reading * factor[:, None]
            if BEFORE:
                by_read = tl.where(rows[:, None] < CHUNK - 1, by_read, 0.0)
            of_sums += by_read
        for stream in range(STREAMS):
            key = keys + ((row * STREAMS + stream) * key_heads + key_head) * key_size
            tile = load_rows(key, STREAMS * stride, rows, channels, count, key_size)
            near = (at * STREAMS + stream) * CHUNK + rows
            of_query += tl.load(near_scores + near)[:, None] * tile.to(tl.float32)
            if BEFORE:
                near = (at * STREAMS + stream) * CHUNK + reads
                of_reading += tl.load(near_erased + near)[:, None] * tile.to(tl.float32)
        to = of_queries + token * key_size
        store(to, head_stride, rows, channels, count, key_size, of_query)
        if ERASE:
            of_factor += tl.sum(of_reading * plain, 1)
            of_reading *= factor[:, None]
            if not SHARED:
                to = of_read + token * key_size
                store(to, head_stride, reads, channels, count, key_size, of_reading)

        of_ends = zero  # of E_i
        for stream in range(STREAMS):
            key = keys + ((row * STREAMS + stream) * key_heads + key_head) * key_size
            pairs = (at * STREAMS + stream) * square
            of_key = zero
            for first in range(0, value_size, BLOCK_V):
                columns = first + tl.arange(0, BLOCK_V)
                value = value_under(
                    solved, values, stream, at, row, head, heads, rows, columns, count, value_size,
                    ERASE, OWN, rank, CHUNK,
                )  # fmt: skip
                behind = load_rows(of_states, value_size, channels, columns, key_size, value_size)
                of_key = product(value, tl.trans(behind), of_key, PRECISION)
            of_key *= strength_under(
                strengths, stream, row, head, heads, rows, count, ERASE, OWN, rank
            )[:, None]
            if HALF:
                until = load_rows(from_start, head_stride, rows, channels, count, key_size)
                of_key *= tl.exp(tl.minimum(last[None, :] - until, 0.0))
            else:
                ends = to_end + token * key_size
                of_key *= tl.exp(load_rows(ends, head_stride, rows, channels, count, key_size))
            tile = load_rows(key, STREAMS * stride, rows, channels, count, key_size)
            of_ends += tile.to(tl.float32) * of_key
            by_pairs = zero
            for level in range(levels + 1):
                found = zero
                for part in range(0, CHUNK, BLOCK):
                    others = part + tl.arange(0, BLOCK)
                    since = since_middle(
                        log_decay, from_start, head_stride, level, others, channels, count,
                        key_size, 0, HALF, PRECISION, CHUNK,
                    )  # fmt: skip
                    asking = load_rows(queries, stride, others, channels, count, key_size)
                    asking = asking.to(tl.float32) * decay_of(since)
                    held = served(level, levels, rows, others, CHUNK)
                    place = pairs + others[None, :] * CHUNK + rows[:, None]
                    asked = tl.where(held, tl.load(of_scores + place).to(tl.float32), 0.0)
                    found = product(asked, asking, found, SOLVE)
                    if ERASE:
                        asked_by = others
                        if BEFORE:
                            asked_by = (others + 1) % CHUNK
                            place = pairs + asked_by[None, :] * CHUNK + rows[:, None]
                        asking = load_rows(read, read_stride, asked_by, channels, count, key_size)
                        factors = erase_factor(strength, row, head, heads, asked_by, count)
                        asking = asking.to(tl.float32) * factors[:, None] * decay_of(since)
                        asked = tl.where(held, tl.load(of_erased + place).to(tl.float32), 0.0)
                        found = product(asked, asking, found, SOLVE)
                since = since_middle(
                    log_decay, from_start, head_stride, level, rows, channels, count, key_size, 0,
                    HALF, PRECISION, CHUNK,
                )  # fmt: skip
                by_pairs += found * decay_of(-since)
            tile = load_rows(key, STREAMS * stride, rows, channels, count, key_size)
            of_sums -= tile.to(tl.float32) * by_pairs
            of_key += by_pairs
            near = near_scores + (at * STREAMS + stream) * CHUNK + rows
            query = load_rows(queries, stride, rows, channels, count, key_size)
            of_key += tl.load(near)[:, None] * query.to(tl.float32)
            if BEFORE:
                near = near_erased + (at * STREAMS + stream) * CHUNK
                near = load_column(near, 1, rows + 1, CHUNK)
                near *= erase_factor(strength, row, head, heads, rows + 1, count)
                later = load_rows(read, read_stride, rows + 1, channels, count, key_size)
                of_key += near[:, None] * later.to(tl.float32)
            if SHARED:  # noqa: SIM102
                if stream == 0:
                    of_key += of_reading
            to = of_keys + ((row * STREAMS + stream) * heads + head) * key_size
            store(to, STREAMS * head_stride, rows, channels, count, key_size, of_key)

        found = tl.cumsum(of_sums, 0, reverse=True) + of_total[None, :]
        found += tl.cumsum(of_ends, 0) - of_ends
        to = of_log_decay + token * key_size
        store(to, head_stride, rows, channels, count, key_size, found)

    if ERASE:  # noqa: SIM102
        if strength is not None:
            store_column(of_strength + token, heads, reads, count, of_factor)
