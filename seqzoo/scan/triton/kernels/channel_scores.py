"""Stage 2 where each key channel decays on its own: the scores within a chunk.

    A_l[i, j] = sum_c q_ic k_jc^l e^{G_ic - G_jc}    for j <= i

and N_l likewise (see `chunk_scores`), in blocks of 16 tokens, and in parts of them (see
`block_decays`): of any two tokens the exponent splits at a place between them.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.block_decays import (
    BLOCK,
    LEVELS,
    between,
    block_decays,
    part_at,
    since_start,
    until_end,
)
from seqzoo.scan.triton.kernels.tiles import (
    erase_read,
    load,
    locate,
    place_of,
    product,
    rounded,
)


@triton.jit(do_not_specialize=["time"])
def channel_scores_kernel(
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
    read_stride,
    heads: tl.constexpr,
    key_heads: tl.constexpr,
    key_size: tl.constexpr,
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """The tensors of `chunk_scores_kernel`, but system (chunks, H, C, C) float32, N_0; log_decay
    (tokens, H, K). A program does one block of rows of one stream."""
    program, head, chunk = place_of(STREAMS * (CHUNK // BLOCK), heads)
    stream = program // (CHUNK // BLOCK)
    block = program % (CHUNK // BLOCK)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    first = block * BLOCK
    rows = tl.arange(0, BLOCK)
    key_head = head // (heads // key_heads)
    stride: tl.constexpr = heads * key_size
    query_stride: tl.constexpr = key_heads * key_size
    key_stride: tl.constexpr = STREAMS * query_stride
    queries += (row * key_heads + key_head) * key_size
    keys += ((row * STREAMS + stream) * key_heads + key_head) * key_size
    log_decay += (row * heads + head) * key_size
    at = chunk * heads + head
    scores += (at * STREAMS + stream) * CHUNK * CHUNK
    if ERASE:
        read += row * read_stride + key_head * key_size
        system += at * CHUNK * CHUNK
        erased += (at * (STREAMS - 1) + stream - 1) * CHUNK * CHUNK
    place = (rows[:, None] + first) * CHUNK + rows[None, :]

    for other in range(CHUNK // BLOCK):
        earlier = other * BLOCK
        asked = tl.zeros([BLOCK, BLOCK], tl.float32)
        removed = tl.zeros([BLOCK, BLOCK], tl.float32)
        if other < block:
            for start in range(0, key_size, BLOCK_K):
                columns = start + tl.arange(0, BLOCK_K)
                decays = block_decays(log_decay, stride, other, columns, count, key_size)
                left = until_end(decays, BLOCK, PRECISION)
                left += between(log_decay, stride, other, block, columns, count, key_size)
                key = load(keys, key_stride, rows + earlier, columns, count, key_size)
                key = tl.trans(key.to(tl.float32) * tl.exp(left))
                query = load(queries, query_stride, rows + first, columns, count, key_size)
                decays = block_decays(log_decay, stride, block, columns, count, key_size)
                kept = since_start(decays, BLOCK, 0, PRECISION)
                asked = product(query.to(tl.float32) * kept, key, asked, PRECISION)
                if ERASE:
                    reads = erase_read(
                        read, strength, read_stride, row, head, heads, rows + first, columns,
                        count, key_size,
                    )  # fmt: skip
                    if BEFORE:
                        kept = since_start(decays, BLOCK, 1, PRECISION)
                    removed = product(reads * kept, key, removed, PRECISION)
        elif other == block:
            for start in range(0, key_size, BLOCK_K):
                columns = start + tl.arange(0, BLOCK_K)
                decays = block_decays(log_decay, stride, block, columns, count, key_size)
                tile = load(keys, key_stride, rows + first, columns, count, key_size)
                tile = tile.to(tl.float32)
                query = load(queries, query_stride, rows + first, columns, count, key_size)
                query = query.to(tl.float32)
                own = tl.sum(query * tile, 1)[:, None]
                asked += tl.where(rows[:, None] == rows[None, :], own, 0.0)
                if ERASE:
                    reads = erase_read(
                        read, strength, read_stride, row, head, heads, rows + first, columns,
                        count, key_size,
                    )  # fmt: skip
                for level in range(LEVELS):
                    half = 1 << level
                    zero = tl.zeros([BLOCK, BLOCK], tl.float32)
                    key = tl.trans(tile * tl.exp(until_end(decays, half, PRECISION)))
                    kept = since_start(decays, half, 0, PRECISION)
                    met = product(query * kept, key, zero, PRECISION)
                    asked += tl.where(part_at(half), met, 0.0)
                    if ERASE:
                        if BEFORE:
                            kept = since_start(decays, half, 1, PRECISION)
                        met = product(reads * kept, key, zero, PRECISION)
                        removed += tl.where(part_at(half), met, 0.0)
        tl.store(scores + place + earlier, rounded(asked, scores.dtype.element_ty))
        if ERASE:
            if stream == 0:
                tl.store(system + place + earlier, removed)
            else:
                tl.store(erased + place + earlier, rounded(removed, erased.dtype.element_ty))
