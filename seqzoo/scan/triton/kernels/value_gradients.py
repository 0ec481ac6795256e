"""Stages 2 and 3 backward, as far as values and scores go. With B from the serial pass,

    dW_0 = B
    dW_l = A_l^T do + (k_l dS') e^E - N_l^T B       l > 0, and l = 0 if nothing erases, without B
    dA_l = do V_l^T    for j <= i                   dN_l = -B V_l^T    for j < i

and then dv = strength dW, dstrength = dW . v. A program does one key stream of a chunk.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false
# pyright: reportPossiblyUnboundVariable=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.chunk_scores import span_decays
from seqzoo.scan.triton.kernels.tiles import (
    decay_column,
    load_all,
    load_rows,
    load_square,
    locate,
    of_scaled_outputs,
    place_of,
    product,
    rounded,
    store,
    store_column,
    store_square,
    strength_under,
    value_under,
    write_factor,
)


@triton.jit
def diagonal_of(tile, BELOW: tl.constexpr, CHUNK: tl.constexpr):
    """Each row's number on the diagonal of a (CHUNK, CHUNK) tile, or on the one BELOW it."""
    rows = tl.arange(0, CHUNK)
    return tl.sum(tl.where(rows[:, None] == rows[None, :] + BELOW, tile, 0.0), 1)


@triton.jit
def of_written(
    key,
    to_end,
    scores,
    of_states,
    upstream,
    stream,
    at,
    row,
    head,
    rows,
    columns,
    count,
    heads: tl.constexpr,
    key_heads: tl.constexpr,
    key_size: tl.constexpr,
    value_size: tl.constexpr,
    KIND: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """A_l^T do + (k_l dS') e^E, (CHUNK, BLOCK_V) float32; `key` is where the chunk's k_l lie."""
    stride: tl.constexpr = STREAMS * key_heads * key_size
    total = tl.zeros([CHUNK, BLOCK_V], tl.float32)
    for first in range(0, key_size, BLOCK_K):
        channels = first + tl.arange(0, BLOCK_K)
        tile = load_rows(key, stride, rows, channels, count, key_size)
        state = of_states + at * key_size * value_size
        state = load_rows(state, value_size, channels, columns, key_size, value_size)
        total = product(tile, state, total, PRECISION)
    if KIND == 1:
        total *= decay_column(to_end, row, head, heads, rows, count)[:, None]
    asked = load_square(scores + (at * STREAMS + stream) * CHUNK * CHUNK, CHUNK)
    return product(tl.trans(asked), upstream, total, PRECISION)


@triton.jit(do_not_specialize=["time"])
def value_gradients_kernel(
    keys,
    values,
    strengths,
    log_decay,
    to_end,
    scores,
    erased,
    solved,
    of_outputs,
    of_states,
    of_solved,
    of_values,
    of_strengths,
    of_scores,
    of_erased,
    near_scores,
    near_erased,
    starts,
    counts,
    time,
    scale,
    heads: tl.constexpr,
    key_heads: tl.constexpr,
    key_size: tl.constexpr,
    value_size: tl.constexpr,
    KIND: tl.constexpr,
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    OWN: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    HALF: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """of_values (tokens, R, H, V) and of_strengths (tokens, R, H) float32.

    of_scores and of_erased (chunks, H, Q, C, C): without the pairs that no decay stands between,
    which are apart in near_scores and near_erased, (chunks, H, Q, C) float32, and where a head
    decays as one times the decay between the two tokens; without decays dA_l and dN_l."""
    stream, head, chunk = place_of(STREAMS, heads)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    rows = tl.arange(0, CHUNK)
    i, j = rows[:, None], rows[None, :]
    rank: tl.constexpr = STREAMS - OWN
    square: tl.constexpr = CHUNK * CHUNK
    key_head = head // (heads // key_heads)
    at = chunk * heads + head
    dtype = keys.dtype.element_ty
    write = stream - OWN
    place = ((row * rank + write) * heads + head) * value_size
    value_stride: tl.constexpr = rank * heads * value_size
    key = keys + ((row * STREAMS + stream) * key_heads + key_head) * key_size
    factor = tl.full([CHUNK], 1.0, tl.float32)
    if write >= 0:
        factor = write_factor(strengths, write, row, head, heads, rows, count, rank)
    of_factor = tl.zeros([CHUNK], tl.float32)
    of_asked = tl.zeros([CHUNK, CHUNK], tl.float32)
    of_removed = tl.zeros([CHUNK, CHUNK], tl.float32)

    for start in range(0, value_size, BLOCK_V):
        columns = start + tl.arange(0, BLOCK_V)
        upstream = of_scaled_outputs(
            of_outputs, row, head, heads, rows, columns, count, value_size, scale, dtype
        )
        value = value_under(
            solved, values, stream, at, row, head, heads, rows, columns, count, value_size, ERASE,
            OWN, rank, CHUNK,
        )  # fmt: skip
        of_asked = product(upstream, tl.trans(value), of_asked, PRECISION)
        if ERASE:
            right = of_solved + at * CHUNK * value_size
            right = load_all(right, value_size, rows, columns, value_size)
            of_removed = product(right, tl.trans(value), of_removed, PRECISION)
        if write >= 0:
            if ERASE:
                if stream == 0:
                    total = right.to(tl.float32)
                else:
                    total = of_written(
                        key, to_end, scores, of_states, upstream, stream, at, row, head, rows,
                        columns, count, heads, key_heads, key_size, value_size, KIND, STREAMS,
                        PRECISION, CHUNK, BLOCK_K, BLOCK_V,
                    )  # fmt: skip
                    removed = (at * (STREAMS - 1) + stream - 1) * square
                    removed = load_square(erased + removed, CHUNK)
                    negative = rounded(-right.to(tl.float32), dtype)
                    total = product(tl.trans(removed), negative, total, PRECISION)
            else:
                total = of_written(
                    key, to_end, scores, of_states, upstream, stream, at, row, head, rows,
                    columns, count, heads, key_heads, key_size, value_size, KIND, STREAMS,
                    PRECISION, CHUNK, BLOCK_K, BLOCK_V,
                )  # fmt: skip
            if strengths is not None:
                plain = load_rows(values + place, value_stride, rows, columns, count, value_size)
                of_factor += tl.sum(total * plain.to(tl.float32), 1)
                total *= factor[:, None]
            store(of_values + place, value_stride, rows, columns, count, value_size, total)
    if strengths is not None:  # noqa: SIM102
        if write >= 0:
            to = of_strengths + (row * rank + write) * heads + head
            store_column(to, rank * heads, rows, count, of_factor)

    to = at * STREAMS + stream
    under = strength_under(strengths, stream, row, head, heads, rows, count, ERASE, OWN, rank)
    of_asked = tl.where(i >= j, of_asked * under[None, :], 0.0)
    if KIND > 0:
        tl.store(near_scores + to * CHUNK + rows, diagonal_of(of_asked, 0, CHUNK))
        of_asked = tl.where(i > j, of_asked, 0.0)
    if KIND == 1:
        spans = span_decays(log_decay, row, head, heads, count, 0, HALF, CHUNK)
        of_asked *= spans
    store_square(of_scores + to * square, of_asked, CHUNK)
    if ERASE:
        of_removed = tl.where(i > j, of_removed * -under[None, :], 0.0)
        if BEFORE:
            tl.store(near_erased + to * CHUNK + rows, diagonal_of(of_removed, 1, CHUNK))
            of_removed = tl.where(i > j + 1, of_removed, 0.0)
        if KIND == 1:
            if BEFORE:
                spans = span_decays(log_decay, row, head, heads, count, 1, HALF, CHUNK)
            of_removed *= spans
        store_square(of_erased + to * square, of_removed, CHUNK)
