"""Stage 3, the one serial pass: the state from chunk to chunk, what it answers, and its gradient.

    V_0 = L (W_0 - sum_{l>0} N_l W_l - (r e^G) S)       what is written under the erase's key
    O = scale ((q e^G) S + sum_l A_l V_l)               V_l = W_l for l > 0
    S' = S e^{G_C} + sum_l k_l^T (V_l e^E)

    B = L^T (A_0^T do + (k_0 dS') e^E)                  do the outputs' gradients, scaled
    dS = dS' e^{G_C} + q^T (do e^G) - r^T (B e^G)

A program holds (K, BLOCK_V) of one state in float32; value columns never meet. Where a head decays
as one, e^G and e^E multiply values, which are fewer than keys; where each key channel decays, rows
come decayed (`decay_rows.py`).
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false
# pyright: reportPossiblyUnboundVariable=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import (
    decay_column,
    erase_factor,
    load_rows,
    load_square,
    locate,
    of_scaled_outputs,
    place_of,
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
def kept_of_state(
    tile, from_start, row, head, heads, channels, count, width, at, KIND: tl.constexpr
):
    """tile * e^{G_C}, a number or a row of numbers for each key channel; from_start is
    (tokens, H), or of the chunk as a whole (chunks, H, K)."""
    if KIND == 1:
        tile *= tl.exp(tl.load(from_start + (row + count - 1) * heads + head))
    if KIND == 2:
        total = tl.load(from_start + at * width + channels, mask=channels < width, other=0.0)
        tile *= tl.exp(total)[:, None]
    return tile


@triton.jit
def over_keys(rows, state, PARTS: tl.constexpr, PRECISION: tl.constexpr):
    """rows (C, K) @ state (K, BLOCK_V); in PARTS of K side by side, a warp each, where one would
    hold too many numbers."""
    if PARTS == 1:
        zero = tl.zeros([rows.shape[0], state.shape[1]], tl.float32)
        result = product(rows, state, zero, PRECISION)
    else:
        part: tl.constexpr = rows.shape[1] // PARTS
        left = tl.permute(tl.reshape(rows, [rows.shape[0], PARTS, part]), (1, 0, 2))
        right = tl.reshape(state, [PARTS, part, state.shape[1]])
        zero = tl.zeros([PARTS, rows.shape[0], state.shape[1]], tl.float32)
        result = tl.sum(product(left, right, zero, PRECISION), 0)
    return result


@triton.jit
def read_factor(
    strength, from_start, row, head, heads, rows, count, BEFORE: tl.constexpr, KIND: tl.constexpr
):
    """What the erase's reads are multiplied by: strength e^G, or -e^G; 1 where rows come so."""
    factor = erase_factor(strength, row, head, heads, rows, count)
    if KIND == 1:
        factor *= decay_column(from_start, row, head, heads, rows - BEFORE, count)
    return factor[:, None]


@triton.jit(do_not_specialize=["time"])
def carry_kernel(
    queries,
    keys,
    values,
    strengths,
    read,
    strength,
    from_start,
    to_end,
    scores,
    erased,
    inverse,
    initial,
    states,
    solved,
    outputs,
    final,
    starts,
    counts,
    first,
    time,
    read_stride,
    scale,
    heads: tl.constexpr,
    key_heads: tl.constexpr,
    key_size: tl.constexpr,
    value_size: tl.constexpr,
    KIND: tl.constexpr,
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    OWN: tl.constexpr,
    SHARED: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    KEYS: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """initial (N, H, V, K) or None -> final (N, H, V, K) float32, and those that are not None of
    outputs (tokens, H, V), states (chunks, H, K, V), the one before each chunk, and solved
    (chunks, H, C, V), V_0. SHARED: the erase reads with key stream 0. KEYS >= K."""
    tile, head, sequence = place_of(tl.cdiv(value_size, BLOCK_V), heads)
    lowest, number = chunks_of(sequence, time, first, CHUNK)
    key_head = head // (heads // key_heads)
    rows = tl.arange(0, CHUNK)
    channels = tl.arange(0, KEYS)
    columns = tile * BLOCK_V + tl.arange(0, BLOCK_V)
    held = (channels[:, None] < key_size) & (columns[None, :] < value_size)
    rank: tl.constexpr = STREAMS - OWN
    stride: tl.constexpr = key_heads * key_size
    square: tl.constexpr = CHUNK * CHUNK
    PARTS: tl.constexpr = KEYS // BLOCK_K if KEYS > BLOCK_K else 1
    dtype = keys.dtype.element_ty
    zero = tl.zeros([CHUNK, BLOCK_V], tl.float32)

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
        before = rounded(state, dtype)
        if states is not None:
            place = states + at * key_size * value_size
            store(place, value_size, channels, columns, key_size, value_size, before)
        key = keys + (row * STREAMS * key_heads + key_head) * key_size
        key = load_rows(key, STREAMS * stride, rows, channels, count, key_size)
        value = zero
        if not OWN:
            value = written(
                values, strengths, 0, row, head, heads, rows, columns, count, value_size, rank
            )
        if ERASE:
            if SHARED:
                asking = key
            else:
                asking = read + row * read_stride + key_head * key_size
                asking = load_rows(asking, read_stride, rows, channels, count, key_size)
            removed = over_keys(asking, before, PARTS, PRECISION)
            if KIND < 2:
                removed *= read_factor(
                    strength, from_start, row, head, heads, rows, count, BEFORE, KIND
                )
            for stream in tl.static_range(1, STREAMS):
                known = load_square(erased + (at * (STREAMS - 1) + stream - 1) * square, CHUNK)
                other = written(
                    values, strengths, stream - OWN, row, head, heads, rows, columns, count,
                    value_size, rank,
                )  # fmt: skip
                removed = product(known, rounded(other, dtype), removed, PRECISION)
            solve = load_square(inverse + at * square, CHUNK)
            value = product(solve, rounded(value - removed, dtype), zero, PRECISION)
            if solved is not None:
                place = solved + at * CHUNK * value_size
                store(place, value_size, rows, columns, CHUNK, value_size, value)
        if outputs is not None:
            query = queries + (row * key_heads + key_head) * key_size
            query = load_rows(query, stride, rows, channels, count, key_size)
            total = over_keys(query, before, PARTS, PRECISION)
            if KIND == 1:
                total *= decay_column(from_start, row, head, heads, rows, count)[:, None]
            asked = load_square(scores + at * STREAMS * square, CHUNK)
            total = product(asked, rounded(value, dtype), total, PRECISION)
        state = kept_of_state(
            state, from_start, row, head, heads, channels, count, key_size, at, KIND
        )
        if KIND == 1:
            left = decay_column(to_end, row, head, heads, rows, count)[:, None]
            value *= left
        state = product(tl.trans(key), rounded(value, dtype), state, PRECISION)
        for stream in tl.static_range(1, STREAMS):
            value = written(
                values, strengths, stream - OWN, row, head, heads, rows, columns, count,
                value_size, rank,
            )  # fmt: skip
            if outputs is not None:
                asked = load_square(scores + (at * STREAMS + stream) * square, CHUNK)
                total = product(asked, rounded(value, dtype), total, PRECISION)
            key = keys + ((row * STREAMS + stream) * key_heads + key_head) * key_size
            key = load_rows(key, STREAMS * stride, rows, channels, count, key_size)
            if KIND == 1:
                value *= left
            state = product(tl.trans(key), rounded(value, dtype), state, PRECISION)
        if outputs is not None:
            place = outputs + (row * heads + head) * value_size
            store(place, heads * value_size, rows, columns, count, value_size, total * scale)
    tl.store(final + turned, state, mask=held)


@triton.jit(do_not_specialize=["time"])
def carry_back_kernel(
    queries,
    keys,
    read,
    strength,
    from_start,
    to_end,
    scores,
    inverse,
    of_outputs,
    of_final,
    of_solved,
    of_states,
    of_initial,
    starts,
    counts,
    first,
    time,
    read_stride,
    scale,
    heads: tl.constexpr,
    key_heads: tl.constexpr,
    key_size: tl.constexpr,
    value_size: tl.constexpr,
    KIND: tl.constexpr,
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    SHARED: tl.constexpr,
    STREAMS: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    KEYS: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """of_outputs (tokens, H, V), of_final (N, H, V, K) -> of_states (chunks, H, K, V), of the state
    behind each chunk, of_solved (chunks, H, C, V), B, and of_initial (N, H, V, K)."""
    tile, head, sequence = place_of(tl.cdiv(value_size, BLOCK_V), heads)
    lowest, number = chunks_of(sequence, time, first, CHUNK)
    key_head = head // (heads // key_heads)
    rows = tl.arange(0, CHUNK)
    channels = tl.arange(0, KEYS)
    columns = tile * BLOCK_V + tl.arange(0, BLOCK_V)
    held = (channels[:, None] < key_size) & (columns[None, :] < value_size)
    stride: tl.constexpr = key_heads * key_size
    square: tl.constexpr = CHUNK * CHUNK
    PARTS: tl.constexpr = KEYS // BLOCK_K if KEYS > BLOCK_K else 1
    dtype = keys.dtype.element_ty
    zero = tl.zeros([CHUNK, BLOCK_V], tl.float32)
    turned = (sequence * heads + head) * value_size * key_size
    turned += columns[None, :] * key_size + channels[:, None]
    gradient = tl.load(of_final + turned, mask=held, other=0.0)

    for step in range(number):
        chunk = lowest + number - 1 - step
        row, count = locate(chunk, time, starts, counts, CHUNK)
        at = chunk * heads + head
        behind = rounded(gradient, dtype)
        place = of_states + at * key_size * value_size
        store(place, value_size, channels, columns, key_size, value_size, behind)
        upstream = of_scaled_outputs(
            of_outputs, row, head, heads, rows, columns, count, value_size, scale, dtype
        )
        gradient = kept_of_state(
            gradient, from_start, row, head, heads, channels, count, key_size, at, KIND
        )
        if ERASE:
            key = keys + (row * STREAMS * key_heads + key_head) * key_size
            key = load_rows(key, STREAMS * stride, rows, channels, count, key_size)
            of_value = over_keys(key, behind, PARTS, PRECISION)
            if KIND == 1:
                of_value *= decay_column(to_end, row, head, heads, rows, count)[:, None]
            asked = load_square(scores + at * STREAMS * square, CHUNK)
            of_value = product(tl.trans(asked), upstream, of_value, PRECISION)
            solve = load_square(inverse + at * square, CHUNK)
            of_right = product(tl.trans(solve), rounded(of_value, dtype), zero, PRECISION)
            place = of_solved + at * CHUNK * value_size
            store(place, value_size, rows, columns, CHUNK, value_size, of_right)
            if SHARED:
                asking = key
            else:
                asking = read + row * read_stride + key_head * key_size
                asking = load_rows(asking, read_stride, rows, channels, count, key_size)
            if KIND < 2:
                of_right *= read_factor(
                    strength, from_start, row, head, heads, rows, count, BEFORE, KIND
                )
            of_right = rounded(-of_right, dtype)
            gradient = product(tl.trans(asking), of_right, gradient, PRECISION)
        query = queries + (row * key_heads + key_head) * key_size
        query = load_rows(query, stride, rows, channels, count, key_size)
        outer = upstream
        if KIND == 1:
            outer = upstream * decay_column(from_start, row, head, heads, rows, count)[:, None]
        gradient = product(tl.trans(query), rounded(outer, dtype), gradient, PRECISION)
    tl.store(of_initial + turned, gradient, mask=held)
