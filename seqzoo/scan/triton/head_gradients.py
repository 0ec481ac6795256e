"""Stages 1 and 2 backward where a head decays as one, or not at all: the gradients of all rows.

    dq_i = sum_lj D_ij dA_l[i,j] k_j^l  + carried        D_ij = e^{G_i - G_j}
    dr_i = sum_lj D_ij dN_l[i,j] k_j^l  + carried
    dk_j^l = sum_i D_ij (dA_l[i,j] q_i + dN_l[i,j] r_i) + carried

The exponents' gradients follow from the rows': dG_i += q_i . dq_i + r_i . dr_i and, by the pairs of
the chunk, dG_j -= k_j . dk_j. Pairs that no decay stands between add zero to them; they are kept
out, where rounding would not.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false
# pyright: reportPossiblyUnboundVariable=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.carried_gradients import carried_key, carried_reading, store_total
from seqzoo.scan.triton.head_scores import span_decays
from seqzoo.scan.triton.tiles import (
    decayed,
    erase_factor,
    erase_read,
    load,
    load_square,
    locate,
    product,
    rounded,
    store,
    store_column,
)


@triton.jit(do_not_specialize=["time", "part_stride", "total_stride"])
def head_gradients_kernel(
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
    KIND: tl.constexpr,
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
    """of_queries (tokens, H, K), of_keys (tokens, Q, H, K), of_read (tokens, H, K) unless TIED;
    of_strength, of_from_start, of_before, of_to_end (K blocks, tokens, H) and of_total
    (K blocks, chunks, H), float32."""
    chunk = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    rows = tl.arange(0, CHUNK)
    channels = tl.program_id(2) * BLOCK_K + tl.arange(0, BLOCK_K)
    i, j = rows[:, None], rows[None, :]
    at = chunk * heads + head
    dtype = keys.dtype.element_ty
    token = row * heads + head
    key_stride = STREAMS * heads * key_size
    squares = at * STREAMS * CHUNK * CHUNK
    part = tl.program_id(2) * part_stride + token

    query = queries + token * key_size
    query = load(query, heads * key_size, rows, channels, count, key_size)
    of_query, of_reading, total = carried_reading(
        of_outputs, of_solved, states, of_states, at, row, head, heads, rows, channels, count,
        key_size, value_size, scale, KIND, ERASE, PRECISION, CHUNK, CHUNK, BLOCK_K, BLOCK_V,
    )  # fmt: skip
    of_query = decayed(
        of_query, from_start, row, head, heads, rows, channels, count, key_size, KIND
    )
    near_query = tl.zeros([CHUNK, BLOCK_K], tl.float32)
    if KIND == 1:
        spans = span_decays(log_decay, row, head, heads, count, 0, CHUNK)
        store_total(
            of_total + tl.program_id(2) * total_stride,
            total,
            from_start,
            chunk,
            row,
            head,
            heads,
            channels,
            count,
            key_size,
            KIND,
        )
    if ERASE:
        reading = erase_read(
            read, strength, read_stride, row, head, heads, rows, channels, count, key_size
        )
        of_reading = decayed(
            of_reading, from_start, row, head, heads, rows - BEFORE, channels, count, key_size, KIND
        )
        near_reading = tl.zeros([CHUNK, BLOCK_K], tl.float32)
        if BEFORE:
            read_spans = span_decays(log_decay, row, head, heads, count, 1, CHUNK)
        elif KIND == 1:
            read_spans = spans

    for stream in range(STREAMS):
        key = keys + ((row * STREAMS + stream) * heads + head) * key_size
        tile = load(key, key_stride, rows, channels, count, key_size)
        asked = load_square(of_scores + squares + stream * CHUNK * CHUNK, CHUNK).to(tl.float32)
        diagonal = tl.sum(tl.where(i == j, asked, 0.0), 1)
        near_query += diagonal[:, None] * tile.to(tl.float32)
        asked = tl.where(i > j, asked, 0.0)
        if KIND == 1:
            asked *= spans
        of_query = product(rounded(asked, dtype), tile, of_query, PRECISION)
        if ERASE:
            removed = load_square(of_erased + squares + stream * CHUNK * CHUNK, CHUNK)
            removed = removed.to(tl.float32)
            if BEFORE:
                above = load(key, key_stride, rows - 1, channels, count, key_size)
                next_to = tl.sum(tl.where(i == j + 1, removed, 0.0), 1)
                near_reading += next_to[:, None] * above.to(tl.float32)
                removed = tl.where(i > j + 1, removed, 0.0)
            if KIND == 1:
                removed *= read_spans
            of_reading = product(rounded(removed, dtype), tile, of_reading, PRECISION)

    if KIND == 1:
        of_sums = tl.sum(query.to(tl.float32) * of_query, 1)
        of_ends = tl.zeros([CHUNK], tl.float32)
    store(
        of_queries + token * key_size,
        heads * key_size,
        rows,
        channels,
        count,
        key_size,
        of_query + near_query,
    )
    if ERASE:
        if KIND == 1:
            column = tl.sum(reading * of_reading, 1)
            if BEFORE:
                store_column(of_before + part, heads, rows, count, column)
            else:
                of_sums += column
        of_reading += near_reading
        of_erase = of_reading * erase_factor(strength, row, head, heads, rows, count)[:, None]
        if strength is not None:
            plain = read + row * read_stride + head * key_size
            plain = load(plain, read_stride, rows, channels, count, key_size)
            column = tl.sum(of_reading * plain.to(tl.float32), 1)
            store_column(of_strength + part, heads, rows, count, column)
        if not TIED:
            store(
                of_read + token * key_size,
                heads * key_size,
                rows,
                channels,
                count,
                key_size,
                of_erase,
            )
        reading = rounded(reading, dtype)

    for stream in range(STREAMS):
        place = ((row * STREAMS + stream) * heads + head) * key_size
        tile = load(keys + place, key_stride, rows, channels, count, key_size).to(tl.float32)
        of_key = carried_key(
            values, strengths, solved, of_states, stream, at, row, head, heads, rows, channels,
            count, key_size, value_size, ERASE, OWN, STREAMS, PRECISION, CHUNK, CHUNK, BLOCK_K,
            BLOCK_V,
        )  # fmt: skip
        of_key = decayed(of_key, to_end, row, head, heads, rows, channels, count, key_size, KIND)
        if KIND == 1:
            of_ends += tl.sum(tile * of_key, 1)
        asked = load_square(of_scores + squares + stream * CHUNK * CHUNK, CHUNK).to(tl.float32)
        diagonal = tl.sum(tl.where(i == j, asked, 0.0), 0)
        asked = tl.where(i > j, asked, 0.0)
        if KIND == 1:
            asked *= spans
        by_pairs = tl.zeros([CHUNK, BLOCK_K], tl.float32)
        by_pairs = product(tl.trans(rounded(asked, dtype)), query, by_pairs, PRECISION)
        if ERASE:
            removed = load_square(of_erased + squares + stream * CHUNK * CHUNK, CHUNK)
            removed = removed.to(tl.float32)
            if BEFORE:
                below = erase_read(
                    read, strength, read_stride, row, head, heads, rows + 1, channels, count,
                    key_size,
                )  # fmt: skip
                next_to = tl.sum(tl.where(i == j + 1, removed, 0.0), 0)
                of_key += next_to[:, None] * below
                removed = tl.where(i > j + 1, removed, 0.0)
            if KIND == 1:
                removed *= read_spans
            by_pairs = product(tl.trans(rounded(removed, dtype)), reading, by_pairs, PRECISION)
        if KIND == 1:
            of_sums -= tl.sum(tile * by_pairs, 1)
        of_key += by_pairs + diagonal[:, None] * query.to(tl.float32)
        if TIED:  # noqa: SIM102
            if stream == 0:
                of_key += of_erase
        store(of_keys + place, key_stride, rows, channels, count, key_size, of_key)

    if KIND == 1:
        store_column(of_from_start + part, heads, rows, count, of_sums)
        store_column(of_to_end + part, heads, rows, count, of_ends)
