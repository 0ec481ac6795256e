"""Stage 2 where each key channel decays on its own: the scores within a chunk, and the inverse.

    A_l[i, j] = sum_c q_ic k_jc^l e^{G_ic - G_jc}    for j <= i

and N_l and L likewise (see `chunk_scores`), by the split of `run_decays`.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.inverse import inverse_of
from seqzoo.scan.triton.kernels.run_decays import (
    decay_of,
    halvings,
    served,
    since_middle,
)
from seqzoo.scan.triton.kernels.tiles import (
    erase_factor,
    load_rows,
    locate,
    place_of,
    product,
    store_square,
)


@triton.jit
def decayed_scores(
    reading,
    reading_stride,
    keys,
    key_stride,
    log_decay,
    from_start,
    stride,
    levels,
    count,
    key_size: tl.constexpr,
    BEFORE: tl.constexpr,
    PRECISION: tl.constexpr,
    SOLVE: tl.constexpr,
    HALF: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """sum_c x_ic k_jc e^{G_ic - G_jc}, or BEFORE of G_{i-1,c}, (CHUNK, CHUNK) float32; what stands
    above the diagonal means nothing."""
    rows = tl.arange(0, CHUNK)
    total = tl.zeros([CHUNK, CHUNK], tl.float32)
    for level in range(levels + 1):
        met = tl.zeros([CHUNK, CHUNK], tl.float32)
        for start in range(0, key_size, BLOCK_K):
            columns = start + tl.arange(0, BLOCK_K)
            since = since_middle(
                log_decay, from_start, stride, level, rows, columns, count, key_size, 0, HALF,
                PRECISION, CHUNK,
            )  # fmt: skip
            key = load_rows(keys, key_stride, rows, columns, count, key_size)
            key = tl.trans(key.to(tl.float32) * decay_of(-since))
            if BEFORE:
                since = since_middle(
                    log_decay, from_start, stride, level, rows, columns, count, key_size, 1, HALF,
                    PRECISION, CHUNK,
                )  # fmt: skip
            read = load_rows(reading, reading_stride, rows, columns, count, key_size)
            met = product(read.to(tl.float32) * decay_of(since), key, met, SOLVE)
        total += tl.where(served(level, levels, rows, rows, CHUNK), met, 0.0)
    return total


@triton.jit(do_not_specialize=["time"])
def channel_scores_kernel(
    queries,
    keys,
    read,
    strength,
    log_decay,
    from_start,
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
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    SOLVE: tl.constexpr,
    HALF: tl.constexpr,
    CHUNK: tl.constexpr,
    KEYS: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """The results of `chunk_scores_kernel`; log_decay, from_start (tokens, H, K). A program does
    one stream."""
    stream, head, chunk = place_of(STREAMS, heads)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    rows = tl.arange(0, CHUNK)
    key_head = head // (heads // key_heads)
    stride: tl.constexpr = heads * key_size
    query_stride: tl.constexpr = key_heads * key_size
    key_stride: tl.constexpr = STREAMS * query_stride
    queries += (row * key_heads + key_head) * key_size
    keys += ((row * STREAMS + stream) * key_heads + key_head) * key_size
    log_decay += (row * heads + head) * key_size
    from_start += (row * heads + head) * key_size
    at = chunk * heads + head
    square: tl.constexpr = CHUNK * CHUNK
    levels = halvings(from_start, stride, count, key_size, HALF, KEYS, CHUNK)
    asked = decayed_scores(
        queries, query_stride, keys, key_stride, log_decay, from_start, stride, levels, count,
        key_size, 0, PRECISION, SOLVE, HALF, CHUNK, BLOCK_K,
    )  # fmt: skip
    asked = tl.where(rows[:, None] >= rows[None, :], asked, 0.0)
    store_square(scores + (at * STREAMS + stream) * square, asked, CHUNK)
    if ERASE:
        read += row * read_stride + key_head * key_size
        removed = decayed_scores(
            read, read_stride, keys, key_stride, log_decay, from_start, stride, levels, count,
            key_size, BEFORE, PRECISION, SOLVE, HALF, CHUNK, BLOCK_K,
        )  # fmt: skip
        removed *= erase_factor(strength, row, head, heads, rows, count)[:, None]
        removed = tl.where(rows[:, None] > rows[None, :], removed, 0.0)
        if stream == 0:
            store_square(inverse + at * square, inverse_of(removed, SOLVE, CHUNK), CHUNK)
        else:
            store_square(erased + (at * (STREAMS - 1) + stream - 1) * square, removed, CHUNK)
