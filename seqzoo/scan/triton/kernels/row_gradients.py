"""Stages 1 and 2 backward where a head decays as one, or not at all: of what reads and of keys.

With S the state before the chunk, dS' the gradient of the one behind it, and D_ij = e^{G_i - G_j}

    dq_i = (do S)_i e^{G_i} + sum_lj D_ij dA_l[i,j] k_j^l
    dr_i = -(B S)_i e^{G_i} + sum_lj D_ij dN_l[i,j] k_j^l
    dk_j^l = (V_l dS')_j e^{E_j} + sum_i D_ij (dA_l[i,j] q_i + dN_l[i,j] r_i)

The exponents' gradients are the rows' own products with these, and dG_C = e^{G_C} sum S dS'. Pairs
that no decay stands between add zero to them: they are added to the rows' gradients on their own,
behind those products, which rounding would not let cancel. A program does a whole chunk, so that
these sums, and the decay's gradient from them,

    dg_s = sum_{i>=s} dG_i + sum_{i>s} dG_{i-1} + sum_{i<s} dE_i + dG_C,

need no second kernel.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false
# pyright: reportPossiblyUnboundVariable=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import (
    decay_column,
    erase_factor,
    load,
    load_all,
    load_column,
    load_rows,
    load_square,
    locate,
    place_of,
    product,
    rounded,
    store,
    store_column,
    strength_under,
    value_under,
)


@triton.jit(do_not_specialize=["time"])
def row_gradients_kernel(
    queries,
    keys,
    values,
    strengths,
    read,
    strength,
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
    KIND: tl.constexpr,
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    OWN: tl.constexpr,
    SHARED: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """of_queries (tokens, H, K), of_keys (tokens, Q, H, K), of_read (tokens, H, K), in of_keys'
    stream 0 where that is what the erase reads with; of_strength and of_log_decay (tokens, H)."""
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
    dtype = keys.dtype.element_ty
    token = row * heads + head
    states += at * key_size * value_size
    of_states += at * key_size * value_size
    queries += (row * key_heads + key_head) * key_size
    of_sums = tl.zeros([CHUNK], tl.float32)
    of_before = tl.zeros([CHUNK], tl.float32)
    of_ends = tl.zeros([CHUNK], tl.float32)
    of_total = 0.0
    of_factor = tl.zeros([CHUNK], tl.float32)
    if ERASE:
        read += row * read_stride + key_head * key_size
        factor = erase_factor(strength, row, head, heads, rows, count)
    above = scale
    until = -1.0
    if KIND == 1:
        above = scale * decay_column(from_start, row, head, heads, rows, count)[:, None]
        left = decay_column(to_end, row, head, heads, rows, count)
        if ERASE:
            until = -decay_column(from_start, row, head, heads, rows - BEFORE, count)[:, None]

    for start in range(0, key_size, BLOCK_K):
        channels = start + tl.arange(0, BLOCK_K)
        zero = tl.zeros([CHUNK, BLOCK_K], tl.float32)
        of_query = zero
        of_reading = zero
        for first in range(0, value_size, BLOCK_V):
            columns = first + tl.arange(0, BLOCK_V)
            state = load_rows(states, value_size, channels, columns, key_size, value_size)
            upstream = of_outputs + token * value_size
            upstream = load_rows(upstream, heads * value_size, rows, columns, count, value_size)
            of_query = product(upstream, tl.trans(state), of_query, PRECISION)
            if ERASE:
                right = of_solved + at * CHUNK * value_size
                right = load_all(right, value_size, rows, columns, value_size)
                of_reading = product(right, tl.trans(state), of_reading, PRECISION)
        of_query *= above
        if ERASE:
            of_reading *= until
        for stream in range(STREAMS):
            key = keys + ((row * STREAMS + stream) * key_heads + key_head) * key_size
            tile = load_rows(key, STREAMS * stride, rows, channels, count, key_size)
            pairs = (at * STREAMS + stream) * square
            of_query = product(load_square(of_scores + pairs, CHUNK), tile, of_query, PRECISION)
            if ERASE:
                removed = load_square(of_erased + pairs, CHUNK)
                of_reading = product(removed, tile, of_reading, PRECISION)
        if KIND == 1:
            asking = load_rows(queries, stride, rows, channels, count, key_size)
            of_sums += tl.sum(asking.to(tl.float32) * of_query, 1)
            if ERASE:
                plain = load_rows(read, read_stride, rows, channels, count, key_size)
                column = tl.sum(plain.to(tl.float32) * of_reading, 1) * factor
                if BEFORE:
                    of_before += column
                else:
                    of_sums += column
            for stream in range(STREAMS):
                key = keys + ((row * STREAMS + stream) * key_heads + key_head) * key_size
                tile = load_rows(key, STREAMS * stride, rows, channels, count, key_size)
                near = (at * STREAMS + stream) * CHUNK + rows
                of_query += tl.load(near_scores + near)[:, None] * tile.to(tl.float32)
                if BEFORE:
                    tile = load(key, STREAMS * stride, rows - 1, channels, count, key_size)
                    of_reading += tl.load(near_erased + near)[:, None] * tile.to(tl.float32)
        to = of_queries + token * key_size
        store(to, heads * key_size, rows, channels, count, key_size, of_query)
        if ERASE:
            plain = load_rows(read, read_stride, rows, channels, count, key_size)
            of_factor += tl.sum(of_reading * plain.to(tl.float32), 1)
            of_reading *= factor[:, None]
            if not SHARED:
                to = of_read + token * key_size
                store(to, heads * key_size, rows, channels, count, key_size, of_reading)

        for stream in range(STREAMS):
            of_key = zero
            for first in range(0, value_size, BLOCK_V):
                columns = first + tl.arange(0, BLOCK_V)
                value = value_under(
                    solved, values, stream, at, row, head, heads, rows, columns, count, value_size,
                    ERASE, OWN, rank, CHUNK,
                )  # fmt: skip
                behind = load_rows(of_states, value_size, channels, columns, key_size, value_size)
                of_key = product(value, tl.trans(behind), of_key, PRECISION)
            ending = strength_under(
                strengths, stream, row, head, heads, rows, count, ERASE, OWN, rank
            )
            if KIND == 1:
                ending *= left
            of_key *= ending[:, None]
            pairs = at * STREAMS + stream
            asked = load_square(of_scores + pairs * square, CHUNK)
            query = load_rows(queries, stride, rows, channels, count, key_size)
            by_pairs = product(tl.trans(asked), query, zero, PRECISION)
            if ERASE:
                removed = load_square(of_erased + pairs * square, CHUNK)
                reading = load_rows(read, read_stride, rows, channels, count, key_size)
                reading = rounded(reading.to(tl.float32) * factor[:, None], dtype)
                by_pairs = product(tl.trans(removed), reading, by_pairs, PRECISION)
            if KIND == 1:
                key = keys + ((row * STREAMS + stream) * key_heads + key_head) * key_size
                tile = load_rows(key, STREAMS * stride, rows, channels, count, key_size)
                of_ends += tl.sum(tile.to(tl.float32) * of_key, 1)
                of_sums -= tl.sum(tile.to(tl.float32) * by_pairs, 1)
                near = tl.load(near_scores + pairs * CHUNK + rows)[:, None]
                of_key += near * query.to(tl.float32)
            of_key += by_pairs
            if BEFORE:
                later = load_rows(read, read_stride, rows + 1, channels, count, key_size)
                of_later = load_column(near_erased + pairs * CHUNK, 1, rows + 1, CHUNK)
                of_later *= erase_factor(strength, row, head, heads, rows + 1, count)
                of_key += of_later[:, None] * later.to(tl.float32)
            if SHARED:  # noqa: SIM102
                if stream == 0:
                    of_key += of_reading
            to = of_keys + ((row * STREAMS + stream) * heads + head) * key_size
            store(to, STREAMS * heads * key_size, rows, channels, count, key_size, of_key)

        if KIND == 1:
            both = tl.zeros([BLOCK_K, BLOCK_V], tl.float32)
            for first in range(0, value_size, BLOCK_V):
                columns = first + tl.arange(0, BLOCK_V)
                state = load_rows(states, value_size, channels, columns, key_size, value_size)
                behind = load_rows(of_states, value_size, channels, columns, key_size, value_size)
                both += state.to(tl.float32) * behind.to(tl.float32)
            of_total += tl.sum(tl.sum(both, 1), 0)

    if ERASE:  # noqa: SIM102
        if strength is not None:
            store_column(of_strength + token, heads, rows, count, of_factor)
    if KIND == 1:
        of_total *= tl.exp(tl.load(from_start + (row + count - 1) * heads + head))
        found = tl.cumsum(of_sums, 0, reverse=True) + of_total
        found += tl.cumsum(of_ends, 0) - of_ends
        if BEFORE:
            found += tl.cumsum(of_before, 0, reverse=True) - of_before
        store_column(of_log_decay + token, heads, rows, count, found)
