"""Stage 3 backward where each key channel decays on its own: what reaches rows through the states.
With S the state before the chunk and dS' the gradient of the one behind it,

    dq = do S e^G        dr = -B S e^G        dk_l = V_l dS' e^E        dG_C = e^{G_C} sum_v S dS'
"""

# pyright: reportIndexIssue=false, reportOperatorIssue=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import load, of_scaled_outputs, product, value_under


@triton.jit
def carried_reading(
    of_outputs,
    of_solved,
    states,
    at,
    row,
    head,
    heads,
    rows,
    channels,
    count,
    key_size,
    value_size,
    scale,
    ERASE: tl.constexpr,
    PRECISION: tl.constexpr,
    ROWS: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """do S and -B S, (ROWS, BLOCK_K) both, without their decays."""
    dtype = states.dtype.element_ty
    of_query = tl.zeros([ROWS, BLOCK_K], tl.float32)
    of_read = tl.zeros([ROWS, BLOCK_K], tl.float32)
    for start in range(0, value_size, BLOCK_V):
        columns = start + tl.arange(0, BLOCK_V)
        state = states + at * key_size * value_size
        state = load(state, value_size, channels, columns, key_size, value_size)
        upstream = of_scaled_outputs(
            of_outputs, row, head, heads, rows, columns, count, value_size, scale, dtype
        )
        of_query = product(upstream, tl.trans(state), of_query, PRECISION)
        if ERASE:
            right = of_solved + at * CHUNK * value_size
            right = load(right, value_size, rows, columns, CHUNK, value_size)
            of_read = product(right, tl.trans(state), of_read, PRECISION)
    return of_query, -of_read


@triton.jit
def carried_key(
    values,
    strengths,
    solved,
    of_states,
    stream,
    at,
    row,
    head,
    heads,
    rows,
    channels,
    count,
    key_size,
    value_size,
    ERASE: tl.constexpr,
    OWN: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    ROWS: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """V_l dS', (ROWS, BLOCK_K), without its decay."""
    of_key = tl.zeros([ROWS, BLOCK_K], tl.float32)
    for start in range(0, value_size, BLOCK_V):
        columns = start + tl.arange(0, BLOCK_V)
        value = value_under(
            solved, values, strengths, stream, at, row, head, heads, rows, columns, count,
            value_size, ERASE, OWN, STREAMS - OWN, CHUNK,
        )  # fmt: skip
        place = of_states + at * key_size * value_size
        behind = load(place, value_size, channels, columns, key_size, value_size)
        of_key = product(value, tl.trans(behind), of_key, PRECISION)
    return of_key


@triton.jit
def store_total(
    of_total,
    from_start,
    states,
    of_states,
    chunk,
    row,
    head,
    heads,
    channels,
    count,
    key_size,
    value_size,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """dG_C, (chunks, H, K)."""
    at = chunk * heads + head
    place = at * key_size * value_size
    total = tl.zeros([BLOCK_K, BLOCK_V], tl.float32)
    for start in range(0, value_size, BLOCK_V):
        columns = start + tl.arange(0, BLOCK_V)
        state = load(states + place, value_size, channels, columns, key_size, value_size)
        behind = load(of_states + place, value_size, channels, columns, key_size, value_size)
        total += state.to(tl.float32) * behind.to(tl.float32)
    last = from_start + ((row + count - 1) * heads + head) * key_size + channels
    total *= tl.exp(tl.load(last, mask=channels < key_size, other=0.0))[:, None]
    tl.store(of_total + at * key_size + channels, tl.sum(total, 1), mask=channels < key_size)
