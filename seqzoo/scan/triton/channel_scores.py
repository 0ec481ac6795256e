"""Stage 2 where each key channel decays on its own: the scores within a chunk.

    A_l[i, j] = sum_c q_ic k_jc^l e^{G_ic - G_jc}    for j <= i

and N_l likewise (see `head_scores`), in blocks of 16 tokens. Between two blocks the exponent splits
at the later one's start, so both factors are at most 1 and a matrix product does:

    (g_{j+1} + ... to the start)  +  (from the start to ... + g_i)

Inside a block each key is met on its own, the last one first, each sum one token longer than the
one before. Nothing is ever subtracted.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.tiles import erase_read, load, load_log_decay, locate, product, rounded

BLOCK = tl.constexpr(16)
"""Tokens a block."""


@triton.jit
def since_start(log_decay, stride, first, columns, count, width, BEFORE: tl.constexpr):
    """e^(sum of g from a block's first token to each of its tokens), BEFORE to the one above."""
    rows = tl.arange(0, BLOCK)
    here = load_log_decay(log_decay, stride, rows + first - BEFORE, columns, count, width)
    if BEFORE:
        here = tl.where(rows[:, None] > 0, here, 0.0)
    return tl.exp(tl.cumsum(here, 0))


@triton.jit
def until_end(log_decay, stride, first, columns, count, width):
    """Sum of g behind each of a block's tokens to the block's last one, not exponentiated."""
    rows = tl.arange(0, BLOCK)
    after = load_log_decay(log_decay, stride, rows + first + 1, columns, count, width)
    return tl.cumsum(tl.where(rows[:, None] < BLOCK - 1, after, 0.0), 0, reverse=True)


@triton.jit
def block_sum(log_decay, stride, first, columns, count, width):
    """Sum of g over a block, a number a column."""
    rows = tl.arange(0, BLOCK) + first
    return tl.sum(load_log_decay(log_decay, stride, rows, columns, count, width), 0)


@triton.jit
def load_row(pointer, stride, row, columns, count, width):
    """One token, float32."""
    held = columns < tl.where(row < count, width, 0)  # 3.9's interpreter takes no & of a scalar
    return tl.load(pointer + row * stride + columns, mask=held, other=0.0).to(tl.float32)


@triton.jit
def longer(spans, log_decay, stride, first, key, columns, count, width, BEFORE: tl.constexpr):
    """The sums from behind token `key` of a block to each later one, from those behind key + 1."""
    rows = tl.arange(0, BLOCK)
    here = tl.maximum(load_row(log_decay, stride, first + key + 1, columns, count, width), -1e4)
    return tl.where(rows[:, None] > key + BEFORE, spans + here[None, :], 0.0)


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
    heads,
    key_size,
    read_stride,
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """The tensors of `head_scores_kernel`; log_decay (tokens, H, K). A program does one block of
    rows of one stream."""
    chunk = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    stream = tl.program_id(2) // (CHUNK // BLOCK)
    block = tl.program_id(2) % (CHUNK // BLOCK)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    first = block * BLOCK
    rows = tl.arange(0, BLOCK)
    stride = heads * key_size
    key_stride = STREAMS * stride
    queries += (row * heads + head) * key_size
    keys += ((row * STREAMS + stream) * heads + head) * key_size
    log_decay += (row * heads + head) * key_size
    at = ((chunk * heads + head) * STREAMS + stream) * CHUNK * CHUNK
    scores += at
    erased += at
    system += (chunk * heads + head) * CHUNK * CHUNK
    place = (rows[:, None] + first) * CHUNK + rows[None, :]

    for other in range(CHUNK // BLOCK):
        earlier = other * BLOCK
        asked = tl.zeros([BLOCK, BLOCK], tl.float32)
        removed = tl.zeros([BLOCK, BLOCK], tl.float32)
        if other < block:
            for start in range(0, key_size, BLOCK_K):
                columns = start + tl.arange(0, BLOCK_K)
                left = until_end(log_decay, stride, earlier, columns, count, key_size)
                for between in range(other + 1, block):
                    middle = between * BLOCK
                    left += block_sum(log_decay, stride, middle, columns, count, key_size)[None, :]
                key = load(keys, key_stride, rows + earlier, columns, count, key_size)
                key = tl.trans(key.to(tl.float32) * tl.exp(left))
                query = load(queries, stride, rows + first, columns, count, key_size)
                kept = since_start(log_decay, stride, first, columns, count, key_size, 0)
                asked = product(query.to(tl.float32) * kept, key, asked, PRECISION)
                if ERASE:
                    reads = erase_read(
                        read, strength, read_stride, row, head, heads, rows + first, columns,
                        count, key_size,
                    )  # fmt: skip
                    if BEFORE:
                        kept = since_start(log_decay, stride, first, columns, count, key_size, 1)
                    removed = product(reads * kept, key, removed, PRECISION)
        elif other == block:
            for start in range(0, key_size, BLOCK_K):
                columns = start + tl.arange(0, BLOCK_K)
                query = load(queries, stride, rows + first, columns, count, key_size)
                query = query.to(tl.float32)
                spans = tl.zeros([BLOCK, BLOCK_K], tl.float32)
                if ERASE:
                    reads = erase_read(
                        read, strength, read_stride, row, head, heads, rows + first, columns,
                        count, key_size,
                    )  # fmt: skip
                    before = tl.zeros([BLOCK, BLOCK_K], tl.float32)
                for step in range(BLOCK):
                    token = BLOCK - 1 - step
                    here = rows[None, :] == token
                    key = load_row(keys, key_stride, first + token, columns, count, key_size)
                    spans = longer(
                        spans, log_decay, stride, first, token, columns, count, key_size, 0
                    )
                    met = tl.exp(spans) * key[None, :]
                    asked += tl.where(here, tl.sum(query * met, 1)[:, None], 0.0)
                    if ERASE:
                        if BEFORE:
                            before = longer(
                                before, log_decay, stride, first, token, columns, count, key_size, 1
                            )
                            met = tl.exp(before) * key[None, :]
                        removed += tl.where(here, tl.sum(reads * met, 1)[:, None], 0.0)
            asked = tl.where(rows[:, None] >= rows[None, :], asked, 0.0)
            removed = tl.where(rows[:, None] > rows[None, :], removed, 0.0)
        tl.store(scores + place + earlier, rounded(asked, scores.dtype.element_ty))
        if ERASE:
            tl.store(erased + place + earlier, rounded(removed, erased.dtype.element_ty))
            if stream == 0:
                tl.store(system + place + earlier, removed)
