"""Stages 4 and 6 backward, as far as values go. With dV_0 from the serial pass,

    B = L^T dV_0                                     in place of dV_0
    dW_0 = B
    dW_l = A_l^T do + (k_l e^E) dS'^T - N_l^T B      l > 0, and l = 0 if nothing erases, without B

and then dv = strength dW, dstrength = dW . v.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import (
    decayed,
    load,
    load_column,
    load_square,
    locate,
    of_scaled_outputs,
    product,
    rounded,
    store,
    store_column,
)


@triton.jit
def store_write(
    of_written,
    values,
    strengths,
    of_values,
    of_strengths,
    write,
    row,
    head,
    heads,
    rows,
    columns,
    count,
    width,
    RANK: tl.constexpr,
):
    """The gradients of one write's values and of its strengths, these of these columns only."""
    at = (row * RANK + write) * heads + head
    stride = RANK * heads * width
    result = of_written
    if strengths is not None:
        factor = load_column(strengths + at, RANK * heads, rows, count)
        value = load(values + at * width, stride, rows, columns, count, width).to(tl.float32)
        column = tl.sum(of_written * value, 1)
        store_column(of_strengths + at, RANK * heads, rows, count, column)
        result = of_written * factor[:, None]
    store(of_values + at * width, stride, rows, columns, count, width, result)


@triton.jit(do_not_specialize=["time", "part_stride"])
def value_gradients_kernel(
    keys,
    values,
    strengths,
    to_end,
    scores,
    erased,
    inverse,
    of_outputs,
    of_states,
    of_solved,
    of_values,
    of_strengths,
    starts,
    counts,
    time,
    heads,
    key_size,
    value_size,
    part_stride,
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
    """of_values (tokens, R, H, V); of_strengths (V blocks, tokens, R, H) float32; of_solved becomes
    B."""
    chunk = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    rows = tl.arange(0, CHUNK)
    columns = tl.program_id(2) * BLOCK_V + tl.arange(0, BLOCK_V)
    rank: tl.constexpr = STREAMS - OWN
    at = chunk * heads + head
    dtype = keys.dtype.element_ty
    if strengths is not None:
        of_strengths += tl.program_id(2).to(tl.int64) * part_stride
    upstream = of_scaled_outputs(
        of_outputs, row, head, heads, rows, columns, count, value_size, scale, dtype
    )

    if ERASE:
        known = of_solved + at * CHUNK * value_size
        solve = tl.trans(load_square(inverse + at * CHUNK * CHUNK, CHUNK))
        behind = load(known, value_size, rows, columns, CHUNK, value_size)
        zero = tl.zeros([CHUNK, BLOCK_V], tl.float32)
        of_right = product(rounded(solve, dtype), behind, zero, PRECISION)
        store(known, value_size, rows, columns, CHUNK, value_size, of_right)
        if not OWN:
            store_write(
                of_right, values, strengths, of_values, of_strengths, 0, row, head, heads, rows,
                columns, count, value_size, rank,
            )  # fmt: skip
        of_right = rounded(-of_right, dtype)

    for stream in range(ERASE, STREAMS):
        place = (at * STREAMS + stream) * CHUNK * CHUNK
        total = tl.zeros([CHUNK, BLOCK_V], tl.float32)
        total = product(tl.trans(load_square(scores + place, CHUNK)), upstream, total, PRECISION)
        if ERASE:
            removed = tl.trans(load_square(erased + place, CHUNK))
            total = product(removed, of_right, total, PRECISION)
        for start in range(0, key_size, BLOCK_K):
            channels = start + tl.arange(0, BLOCK_K)
            key = keys + ((row * STREAMS + stream) * heads + head) * key_size
            key = load(key, STREAMS * heads * key_size, rows, channels, count, key_size)
            key = decayed(key, to_end, row, head, heads, rows, channels, count, key_size, KIND)
            state = of_states + at * key_size * value_size
            state = load(state, value_size, channels, columns, key_size, value_size)
            total = product(rounded(key, dtype), state, total, PRECISION)
        store_write(
            total, values, strengths, of_values, of_strengths, stream - OWN, row, head, heads,
            rows, columns, count, value_size, rank,
        )  # fmt: skip
