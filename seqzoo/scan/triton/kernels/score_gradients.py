"""Stages 4 and 6 backward, as far as scores go:

    dA_l = do V_l^T    for j <= i        dN_l = -B V_l^T    for j < i

in place of the scores, which nothing reads any more.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import (
    load,
    locate,
    of_scaled_outputs,
    product,
    store_square,
    value_under,
)


@triton.jit(do_not_specialize=["time"])
def score_gradients_kernel(
    values,
    strengths,
    solved,
    of_outputs,
    of_solved,
    scores,
    erased,
    starts,
    counts,
    time,
    heads,
    value_size,
    scale,
    ERASE: tl.constexpr,
    OWN: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """scores, erased (chunks, H, Q, C, C), a program a stream."""
    chunk = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    stream = tl.program_id(2)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    rows = tl.arange(0, CHUNK)
    rank: tl.constexpr = STREAMS - OWN
    at = chunk * heads + head
    dtype = values.dtype.element_ty
    of_asked = tl.zeros([CHUNK, CHUNK], tl.float32)
    of_removed = tl.zeros([CHUNK, CHUNK], tl.float32)
    for start in range(0, value_size, BLOCK_V):
        columns = start + tl.arange(0, BLOCK_V)
        value = value_under(
            solved, values, strengths, stream, at, row, head, heads, rows, columns, count,
            value_size, ERASE, OWN, rank, CHUNK,
        )  # fmt: skip
        value = tl.trans(value)
        upstream = of_scaled_outputs(
            of_outputs, row, head, heads, rows, columns, count, value_size, scale, dtype
        )
        of_asked = product(upstream, value, of_asked, PRECISION)
        if ERASE:
            right = of_solved + at * CHUNK * value_size
            right = load(right, value_size, rows, columns, CHUNK, value_size)
            of_removed = product(right, value, of_removed, PRECISION)
    place = (at * STREAMS + stream) * CHUNK * CHUNK
    of_asked = tl.where(rows[:, None] >= rows[None, :], of_asked, 0.0)
    store_square(scores + place, of_asked, CHUNK)
    if ERASE:
        of_removed = tl.where(rows[:, None] > rows[None, :], -of_removed, 0.0)
        store_square(erased + place, of_removed, CHUNK)
