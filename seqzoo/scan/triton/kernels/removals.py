"""Stage 4, what the erases need of the state, and what they know without it.

    V_0 = Y - X S^T        X = L (r e^G)        Y = L (W_0 - sum_{l>0} N_l W_l)

V_0 is the value under the erase's key: what is written there less what is removed. The rank only
adds right-hand sides. The products with L are float32's: what it amplifies would show.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import (
    decayed,
    erase_read,
    load_square,
    locate,
    product,
    store,
    written,
)


@triton.jit(do_not_specialize=["time"])
def erase_reads_kernel(
    read,
    strength,
    from_start,
    inverse,
    reads,
    starts,
    counts,
    time,
    heads,
    key_size,
    read_stride,
    KIND: tl.constexpr,
    BEFORE: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """X: reads (chunks, H, C, K)."""
    chunk = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    rows = tl.arange(0, CHUNK)
    columns = tl.program_id(2) * BLOCK_K + tl.arange(0, BLOCK_K)
    at = chunk * heads + head
    solve = load_square(inverse + at * CHUNK * CHUNK, CHUNK)
    tile = erase_read(read, strength, read_stride, row, head, heads, rows, columns, count, key_size)
    tile = decayed(
        tile, from_start, row, head, heads, rows - BEFORE, columns, count, key_size, KIND
    )
    zero = tl.zeros([CHUNK, BLOCK_K], tl.float32)
    found = product(solve, tile, zero, PRECISION)
    store(reads + at * CHUNK * key_size, key_size, rows, columns, CHUNK, key_size, found)


@triton.jit(do_not_specialize=["time"])
def erase_values_kernel(
    values,
    strengths,
    erased,
    inverse,
    solved,
    starts,
    counts,
    time,
    heads,
    value_size,
    OWN: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """Y: solved (chunks, H, C, V)."""
    chunk = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    rows = tl.arange(0, CHUNK)
    columns = tl.program_id(2) * BLOCK_V + tl.arange(0, BLOCK_V)
    rank: tl.constexpr = STREAMS - OWN
    at = chunk * heads + head
    total = tl.zeros([CHUNK, BLOCK_V], tl.float32)
    for stream in range(1, STREAMS):
        scores = load_square(erased + (at * STREAMS + stream) * CHUNK * CHUNK, CHUNK)
        value = written(
            values, strengths, stream - OWN, row, head, heads, rows, columns, count, value_size,
            rank,
        )  # fmt: skip
        total = product(scores, value, total, PRECISION)
    if OWN:
        total = -total
    else:
        value = written(
            values, strengths, 0, row, head, heads, rows, columns, count, value_size, rank
        )
        total = value.to(tl.float32) - total
    solve = load_square(inverse + at * CHUNK * CHUNK, CHUNK)
    zero = tl.zeros([CHUNK, BLOCK_V], tl.float32)
    found = product(solve, total, zero, PRECISION)
    store(solved + at * CHUNK * value_size, value_size, rows, columns, CHUNK, value_size, found)
