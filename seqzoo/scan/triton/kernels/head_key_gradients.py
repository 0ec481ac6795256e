"""Stages 1 and 2 backward where a head decays as one, or not at all: the gradients of the keys.

    dk_j^l = sum_i D_ij (dA_l[i,j] q_i + dN_l[i,j] r_i) + carried        D_ij = e^{G_i - G_j}

and dG_j -= k_j . dk_j by the pairs of the chunk, dE_j += k_j . dk_j by what is carried. Pairs that
no decay stands between are added on their own (see `head_read_gradients`).
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false
# pyright: reportPossiblyUnboundVariable=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.carried_gradients import carried_key
from seqzoo.scan.triton.kernels.head_read_gradients import pair_decays
from seqzoo.scan.triton.kernels.tiles import (
    decayed,
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


@triton.jit(do_not_specialize=["time", "part_stride"])
def head_key_gradients_kernel(
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
    heads,
    key_size,
    value_size,
    read_stride,
    part_stride,
    KIND: tl.constexpr,
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    OWN: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """of_keys (tokens, Q, H, K), with of_tied (tokens, H, K), if there is one, in stream 0;
    of_key_sums, which is dG, and of_to_end (K blocks, tokens, H), float32."""
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

    query = load(queries + token * key_size, stride, rows, channels, count, key_size)
    if ERASE:
        reading = erase_read(
            read, strength, read_stride, row, head, heads, rows, channels, count, key_size
        )
        reading = rounded(reading, dtype)
    if KIND == 1:
        spans = pair_decays(log_decay, row, head, heads, count, 0, CHUNK)
        read_spans = spans
        if BEFORE:
            read_spans = pair_decays(log_decay, row, head, heads, count, 1, CHUNK)
        of_sums = tl.zeros([CHUNK], tl.float32)
        of_ends = tl.zeros([CHUNK], tl.float32)

    for stream in range(STREAMS):
        square = (at * STREAMS + stream) * CHUNK * CHUNK
        asked = load_square(of_scores + square, CHUNK)
        if KIND == 1:
            asked = rounded(asked.to(tl.float32) * spans, dtype)
        by_pairs = tl.zeros([CHUNK, BLOCK_K], tl.float32)
        by_pairs = product(tl.trans(asked), query, by_pairs, PRECISION)
        if ERASE:
            removed = load_square(of_erased + square, CHUNK)
            if KIND == 1:
                removed = rounded(removed.to(tl.float32) * read_spans, dtype)
            by_pairs = product(tl.trans(removed), reading, by_pairs, PRECISION)
        of_key = carried_key(
            values, strengths, solved, of_states, stream, at, row, head, heads, rows, channels,
            count, key_size, value_size, ERASE, OWN, STREAMS, PRECISION, CHUNK, CHUNK, BLOCK_K,
            BLOCK_V,
        )  # fmt: skip
        of_key = decayed(of_key, to_end, row, head, heads, rows, channels, count, key_size, KIND)
        place = ((row * STREAMS + stream) * heads + head) * key_size
        if KIND == 1:
            tile = load(keys + place, key_stride, rows, channels, count, key_size).to(tl.float32)
            of_ends += tl.sum(tile * of_key, 1)
            of_sums -= tl.sum(tile * by_pairs, 1)
            diagonal = load_diagonal(of_scores + square, rows, 0, CHUNK)
            of_key += diagonal[:, None] * query.to(tl.float32)
        if BEFORE:
            below = erase_read(
                read, strength, read_stride, row, head, heads, rows + 1, channels, count, key_size
            )
            of_key += load_diagonal(of_erased + square, rows + 1, 1, CHUNK)[:, None] * below
        of_key += by_pairs
        if of_tied is not None:  # noqa: SIM102
            if stream == 0:
                tied = of_tied + token * key_size
                of_key += load(tied, stride, rows, channels, count, key_size)
        store(of_keys + place, key_stride, rows, channels, count, key_size, of_key)

    if KIND == 1:
        store_column(of_key_sums + part, heads, rows, count, of_sums)
        store_column(of_to_end + part, heads, rows, count, of_ends)
