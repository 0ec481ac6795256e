"""Stage 1 where each key channel decays on its own: the sums of log decays, and rows with them.

    G_i = g_1 + ... + g_i        q_i e^{G_i}        r_i e^{G_i}        e^{G_{i-1}} before the decay
    E_i = g_{i+1} + ... + g_C    k_i^l e^{E_i}

In float32 both are sums of what they cover, so a decay of e^-30 or of 0 takes no digits from its
neighbours; in half precision E is the difference of two sums, and not kept.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import (
    LEAST_HALF,
    at_least,
    erase_factor,
    load_log_decay,
    load_rows,
    locate,
    place_of,
    store,
)


@triton.jit(do_not_specialize=["time"])
def decay_rows_kernel(
    queries,
    keys,
    read,
    strength,
    log_decay,
    from_start,
    to_end,
    totals,
    query_rows,
    key_rows,
    read_rows,
    starts,
    counts,
    time,
    read_stride,
    heads: tl.constexpr,
    key_heads: tl.constexpr,
    key_size: tl.constexpr,
    BEFORE: tl.constexpr,
    STREAMS: tl.constexpr,
    HALF: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """log_decay (tokens, H, K) -> from_start, and but for HALF to_end, (tokens, H, K) and totals,
    G_C, (chunks, H, K) float32; query_rows and read_rows (tokens, H, K), key_rows (tokens, Q, H,
    K)."""
    tile, head, chunk = place_of(tl.cdiv(key_size, BLOCK_K), heads)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    rows = tl.arange(0, CHUNK)
    columns = tile * BLOCK_K + tl.arange(0, BLOCK_K)
    key_head = head // (heads // key_heads)
    token = (row * heads + head) * key_size
    stride: tl.constexpr = heads * key_size
    key_stride: tl.constexpr = key_heads * key_size
    log_decay += token
    if HALF:
        here = load_rows(log_decay, stride, rows, columns, count, key_size)
        here = at_least(here, LEAST_HALF)
    else:
        here = load_log_decay(log_decay, stride, rows, columns, count, key_size)
    total = tl.sum(here, 0)
    held = columns < key_size
    tl.store(totals + (chunk * heads + head) * key_size + columns, total, mask=held)
    until = tl.cumsum(here, 0)
    store(from_start + token, stride, rows, columns, count, key_size, until)
    if HALF:
        left = total[None, :] - until
    else:
        after = load_log_decay(log_decay, stride, rows + 1, columns, count, key_size)
        left = tl.cumsum(after, 0, reverse=True)
        store(to_end + token, stride, rows, columns, count, key_size, left)
    kept = tl.exp(until)
    query = queries + (row * key_heads + key_head) * key_size
    query = load_rows(query, key_stride, rows, columns, count, key_size).to(tl.float32)
    store(query_rows + token, stride, rows, columns, count, key_size, query * kept)
    if read_rows is not None:
        if BEFORE:
            if HALF:
                kept = tl.exp(until - here)
            else:
                earlier = load_log_decay(log_decay, stride, rows - 1, columns, count, key_size)
                kept = tl.exp(tl.cumsum(earlier, 0))
        reading = read + row * read_stride + key_head * key_size
        reading = load_rows(reading, read_stride, rows, columns, count, key_size).to(tl.float32)
        factor = erase_factor(strength, row, head, heads, rows, count)[:, None]
        reading *= factor * kept
        store(read_rows + token, stride, rows, columns, count, key_size, reading)
    kept = tl.exp(left)
    for stream in range(STREAMS):
        key = keys + ((row * STREAMS + stream) * key_heads + key_head) * key_size
        key = load_rows(key, STREAMS * key_stride, rows, columns, count, key_size).to(tl.float32)
        place = key_rows + ((row * STREAMS + stream) * heads + head) * key_size
        store(place, STREAMS * stride, rows, columns, count, key_size, key * kept)
