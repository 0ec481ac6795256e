"""Stage 6, the outputs, again all chunks side by side:

O = scale ((q e^G) S^T + sum_l A_l V_l)
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import (
    decayed,
    load,
    load_square,
    locate,
    product,
    rounded,
    store,
    written,
)


@triton.jit(do_not_specialize=["time"])
def outputs_kernel(
    queries,
    values,
    strengths,
    from_start,
    scores,
    solved,
    states,
    outputs,
    starts,
    counts,
    time,
    heads,
    key_size,
    value_size,
    scale,
    KIND: tl.constexpr,
    ERASE: tl.constexpr,
    OWN: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """outputs (tokens, H, V)."""
    chunk = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    rows = tl.arange(0, CHUNK)
    columns = tl.program_id(2) * BLOCK_V + tl.arange(0, BLOCK_V)
    rank: tl.constexpr = STREAMS - OWN
    at = chunk * heads + head
    dtype = queries.dtype.element_ty

    total = tl.zeros([CHUNK, BLOCK_V], tl.float32)
    for start in range(0, key_size, BLOCK_K):
        channels = start + tl.arange(0, BLOCK_K)
        query = queries + (row * heads + head) * key_size
        query = load(query, heads * key_size, rows, channels, count, key_size)
        query = decayed(query, from_start, row, head, heads, rows, channels, count, key_size, KIND)
        state = states + at * key_size * value_size
        state = load(state, value_size, channels, columns, key_size, value_size)
        total = product(rounded(query, dtype), state, total, PRECISION)

    for stream in range(ERASE, STREAMS):
        value = written(
            values, strengths, stream - OWN, row, head, heads, rows, columns, count, value_size,
            rank,
        )  # fmt: skip
        asked = load_square(scores + (at * STREAMS + stream) * CHUNK * CHUNK, CHUNK)
        total = product(asked, value, total, PRECISION)
    if ERASE:
        value = solved + at * CHUNK * value_size
        value = load(value, value_size, rows, columns, CHUNK, value_size)
        asked = load_square(scores + at * STREAMS * CHUNK * CHUNK, CHUNK)
        total = product(asked, value, total, PRECISION)
    place = outputs + (row * heads + head) * value_size
    store(place, heads * value_size, rows, columns, count, value_size, total * scale)
