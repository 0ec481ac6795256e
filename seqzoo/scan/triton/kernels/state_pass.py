"""Stage 5, the one serial pass: the state from chunk to chunk, and its gradient back.

    V_0 = Y - X S^T                              in place of Y
    S' = S Diag(e^{G_C}) + sum_l V_l^T (k_l e^E)

    dV_0 = A_0^T do + (k_0 e^E) dS'^T            do the outputs' gradients, scaled
    dS = dS' Diag(e^{G_C}) + do^T (q e^G) - dV_0^T X

A program holds (K, BLOCK_V) of one state, transposed, in float32; value columns never meet.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import (
    decayed,
    load,
    locate,
    of_scaled_outputs,
    product,
    rounded,
    store,
    written,
)


@triton.jit
def chunks_of(sequence, time, first, CHUNK: tl.constexpr):
    """A sequence's first chunk, and how many it has."""
    if first is None:
        number = tl.cdiv(time, CHUNK)
        return sequence * number, number
    else:
        lowest = tl.load(first + sequence)
        return lowest, (tl.load(first + sequence + 1) - lowest).to(tl.int32)


@triton.jit
def kept_of_state(tile, from_start, row, head, heads, channels, count, width, KIND: tl.constexpr):
    """tile * e^{G_C}, a number or a row of numbers for each key channel."""
    last = (row + count - 1) * heads + head
    if KIND == 1:
        tile *= tl.exp(tl.load(from_start + last))
    if KIND == 2:
        total = tl.load(from_start + last * width + channels, mask=channels < width, other=0.0)
        tile *= tl.exp(total)[:, None]
    return tile


@triton.jit
def over_keys(left, right, PARTS: tl.constexpr, PRECISION: tl.constexpr):
    """left (C, K) @ right (K, V), a part of K a warp."""
    part: tl.constexpr = left.shape[1] // PARTS
    left = tl.permute(tl.reshape(left, [left.shape[0], PARTS, part]), (1, 0, 2))
    right = tl.reshape(right, [PARTS, part, right.shape[1]])
    zero = tl.zeros([PARTS, left.shape[1], right.shape[2]], tl.float32)
    return tl.sum(product(left, right, zero, PRECISION), 0)


@triton.jit(do_not_specialize=["time"])
def carry_kernel(
    keys,
    values,
    strengths,
    from_start,
    to_end,
    reads,
    solved,
    initial,
    states,
    final,
    starts,
    counts,
    first,
    time,
    heads,
    key_size,
    value_size,
    KIND: tl.constexpr,
    ERASE: tl.constexpr,
    OWN: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    KEYS: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """initial (N, H, V, K) or None -> states (chunks, H, K, V), the one before each chunk, and
    final (N, H, V, K); solved (chunks, H, C, V) becomes V_0. KEYS >= K."""
    sequence = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    lowest, number = chunks_of(sequence, time, first, CHUNK)
    channels = tl.arange(0, KEYS)
    columns = tl.program_id(2) * BLOCK_V + tl.arange(0, BLOCK_V)
    held = (channels[:, None] < key_size) & (columns[None, :] < value_size)
    rank: tl.constexpr = STREAMS - OWN
    dtype = keys.dtype.element_ty
    ROWS: tl.constexpr = BLOCK_C if CHUNK > BLOCK_C else CHUNK
    PARTS: tl.constexpr = KEYS // BLOCK_K if KEYS > BLOCK_K else 1

    turned = (sequence * heads + head) * value_size * key_size
    turned += columns[None, :] * key_size + channels[:, None]
    if initial is None:
        state = tl.zeros([KEYS, BLOCK_V], tl.float32)
    else:
        state = tl.load(initial + turned, mask=held, other=0.0)

    for step in range(number):
        chunk = lowest + step
        row, count = locate(chunk, time, starts, counts, CHUNK)
        at = chunk * heads + head
        place = states + at * key_size * value_size
        store(place, value_size, channels, columns, key_size, value_size, state)
        before = rounded(state, dtype)
        state = kept_of_state(state, from_start, row, head, heads, channels, count, key_size, KIND)
        for block in range(CHUNK // ROWS):
            rows = block * ROWS + tl.arange(0, ROWS)
            if ERASE:
                known = solved + at * CHUNK * value_size
                value = load(known, value_size, rows, columns, CHUNK, value_size).to(tl.float32)
                read = reads + at * CHUNK * key_size
                read = load(read, key_size, rows, channels, CHUNK, key_size)
                value = rounded(value - over_keys(read, before, PARTS, PRECISION), dtype)
                store(known, value_size, rows, columns, CHUNK, value_size, value)
            else:
                value = written(
                    values, strengths, 0, row, head, heads, rows, columns, count, value_size, rank
                )
            for stream in range(STREAMS):
                if stream > 0:
                    value = written(
                        values, strengths, stream - OWN, row, head, heads, rows, columns, count,
                        value_size, rank,
                    )  # fmt: skip
                key = keys + ((row * STREAMS + stream) * heads + head) * key_size
                key = load(key, STREAMS * heads * key_size, rows, channels, count, key_size)
                key = decayed(key, to_end, row, head, heads, rows, channels, count, key_size, KIND)
                state = product(tl.trans(rounded(key, dtype)), value, state, PRECISION)
    tl.store(final + turned, state, mask=held)


@triton.jit(do_not_specialize=["time"])
def carry_back_kernel(
    queries,
    keys,
    from_start,
    to_end,
    scores,
    reads,
    of_outputs,
    of_final,
    of_solved,
    of_states,
    of_initial,
    starts,
    counts,
    first,
    time,
    heads,
    key_size,
    value_size,
    scale,
    KIND: tl.constexpr,
    ERASE: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    KEYS: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """of_outputs (tokens, H, V), of_final (N, H, V, K) -> of_states (chunks, H, K, V), of the state
    behind each chunk, of_solved (chunks, H, C, V) and of_initial (N, H, V, K)."""
    sequence = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    lowest, number = chunks_of(sequence, time, first, CHUNK)
    tokens = tl.arange(0, CHUNK)
    channels = tl.arange(0, KEYS)
    columns = tl.program_id(2) * BLOCK_V + tl.arange(0, BLOCK_V)
    held = (channels[:, None] < key_size) & (columns[None, :] < value_size)
    dtype = keys.dtype.element_ty
    ROWS: tl.constexpr = BLOCK_C if CHUNK > BLOCK_C else CHUNK
    PARTS: tl.constexpr = KEYS // BLOCK_K if KEYS > BLOCK_K else 1
    turned = (sequence * heads + head) * value_size * key_size
    turned += columns[None, :] * key_size + channels[:, None]
    gradient = tl.load(of_final + turned, mask=held, other=0.0)

    for step in range(number):
        chunk = lowest + number - 1 - step
        row, count = locate(chunk, time, starts, counts, CHUNK)
        at = chunk * heads + head
        place = of_states + at * key_size * value_size
        store(place, value_size, channels, columns, key_size, value_size, gradient)
        behind = rounded(gradient, dtype)
        gradient = kept_of_state(
            gradient, from_start, row, head, heads, channels, count, key_size, KIND
        )
        for block in range(CHUNK // ROWS):
            rows = block * ROWS + tl.arange(0, ROWS)
            upstream = of_scaled_outputs(
                of_outputs, row, head, heads, rows, columns, count, value_size, scale, dtype
            )
            query = queries + (row * heads + head) * key_size
            query = load(query, heads * key_size, rows, channels, count, key_size)
            query = decayed(
                query, from_start, row, head, heads, rows, channels, count, key_size, KIND
            )
            gradient = product(tl.trans(rounded(query, dtype)), upstream, gradient, PRECISION)
            if ERASE:
                if ROWS < CHUNK:
                    upstream = of_scaled_outputs(
                        of_outputs, row, head, heads, tokens, columns, count, value_size, scale,
                        dtype,
                    )  # fmt: skip
                asked = scores + at * STREAMS * CHUNK * CHUNK
                asked = load(asked, CHUNK, tokens, rows, CHUNK, CHUNK)
                key = keys + (row * STREAMS * heads + head) * key_size
                key = load(key, STREAMS * heads * key_size, rows, channels, count, key_size)
                key = decayed(key, to_end, row, head, heads, rows, channels, count, key_size, KIND)
                of_value = over_keys(rounded(key, dtype), behind, PARTS, PRECISION)
                of_value = product(tl.trans(asked), upstream, of_value, PRECISION)
                place = of_solved + at * CHUNK * value_size
                store(place, value_size, rows, columns, CHUNK, value_size, of_value)
                read = reads + at * CHUNK * key_size
                read = load(read, key_size, rows, channels, CHUNK, key_size)
                gradient = product(tl.trans(read), rounded(-of_value, dtype), gradient, PRECISION)
    tl.store(of_initial + turned, gradient, mask=held)
