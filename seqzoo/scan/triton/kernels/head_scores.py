"""Stage 2 where a head decays as one, or not at all: the scores within a chunk.

    A_l[i, j] = q_i . k_j^l  e^{G_i - G_j}    for j <= i
    N_l[i, j] = r_i . k_j^l  e^{G_i - G_j}    for j < i        e^{G_{i-1} - G_j} before the decay

for each key stream l. Stream 0 is the erase's key, and N_0 the triangular system's.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import (
    at_least,
    erase_factor,
    load,
    load_column,
    locate,
    product,
    store_square,
)


@triton.jit
def span_decays(log_decay, row, head, heads, count, BEFORE: tl.constexpr, CHUNK: tl.constexpr):
    """e^(g_{j+1} + ... + g_i), BEFORE without g_i: (CHUNK, CHUNK), summed and not subtracted; 1
    where nothing is summed."""
    rows = tl.arange(0, CHUNK)
    place = log_decay + row * heads + head
    here = at_least(load_column(place, heads, rows - BEFORE, count))
    steps = tl.where(rows[:, None] - BEFORE > rows[None, :], here[:, None], 0.0)
    return tl.exp(tl.cumsum(steps, 0))


@triton.jit(do_not_specialize=["time"])
def head_scores_kernel(
    queries,
    keys,
    read,
    strength,
    log_decay,
    scores,
    erased,
    system,
    starts,
    counts,
    time,
    heads,
    key_size,
    read_stride,
    KIND: tl.constexpr,
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """queries (tokens, H, K), keys (tokens, Q, H, K) -> scores, erased (chunks, H, Q, C, C) and
    system (chunks, H, C, C) float32."""
    chunk = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    stream = tl.program_id(2)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    rows = tl.arange(0, CHUNK)
    queries += (row * heads + head) * key_size
    keys += ((row * STREAMS + stream) * heads + head) * key_size
    read += row * read_stride + head * key_size

    asked = tl.zeros([CHUNK, CHUNK], tl.float32)
    removed = tl.zeros([CHUNK, CHUNK], tl.float32)
    for start in range(0, key_size, BLOCK_K):
        columns = start + tl.arange(0, BLOCK_K)
        key = load(keys, STREAMS * heads * key_size, rows, columns, count, key_size)
        query = load(queries, heads * key_size, rows, columns, count, key_size)
        asked = product(query, tl.trans(key), asked, PRECISION)
        if ERASE:
            reads = load(read, read_stride, rows, columns, count, key_size)
            removed = product(reads, tl.trans(key), removed, PRECISION)

    if KIND == 1:
        asked *= span_decays(log_decay, row, head, heads, count, 0, CHUNK)
    at = (chunk * heads + head) * STREAMS + stream
    asked = tl.where(rows[:, None] >= rows[None, :], asked, 0.0)
    store_square(scores + at * CHUNK * CHUNK, asked, CHUNK)
    if ERASE:
        if KIND == 1:
            removed *= span_decays(log_decay, row, head, heads, count, BEFORE, CHUNK)
        removed *= erase_factor(strength, row, head, heads, rows, count)[:, None]
        removed = tl.where(rows[:, None] > rows[None, :], removed, 0.0)
        store_square(erased + at * CHUNK * CHUNK, removed, CHUNK)
        if stream == 0:
            store_square(system + (chunk * heads + head) * CHUNK * CHUNK, removed, CHUNK)
