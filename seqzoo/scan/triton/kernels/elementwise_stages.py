"""The kernels of the element-wise scan h_t = a_t h_{t-1} + b_t, a_t = exp(g_t), over (tokens, D).

In chunks of C tokens, G_i = g_1 + ... + g_i from the chunk's start, three passes:

    ends      decay = e^{G_C}        added = sum_i e^{G_C - G_i} b_i      all chunks side by side
    carry     s_{c+1} = decay_c s_c + added_c                             along the chunks
    outputs   h_i = a_i h_{i-1} + b_i from h_0 = s_c                      all chunks side by side

and backward the same three against time, with e_c the gradient of the state after chunk c:

    end_gradients   added = sum_i e^{G_i} dh_i                            so that
    carry           e_{c-1} = decay_c e_c + added_c
    gradients       d_i = dh_i + a_{i+1} d_{i+1}, d_C = dh_C + e_c,       all chunks side by side
                    db_i = d_i, dg_i = d_i a_i h_{i-1}

G_C - G_i is summed from the chunk's end, never a difference, so that g = -inf is a decay like any
other. Along time a tile is scanned by `tl.associative_scan` in a fixed order. Tensors are row-major
(tokens, D); the log decay alone has strides, zero where it is broadcast.
"""

# pyright: reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false
# pyright: reportGeneralTypeIssues=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import load, store


@triton.jit
def _then(decay, value, next_decay, next_value):
    """Two affine steps h -> decay h + value as one, the first one first."""
    return decay * next_decay, value * next_decay + next_value


@triton.jit
def _locate(chunk, time, starts, counts, CHUNK: tl.constexpr):
    """A chunk's sequence in the batch, its first token there, and how many tokens it has."""
    if starts is None:
        per_sequence = tl.cdiv(time, CHUNK)
        sequence = (chunk // per_sequence).to(tl.int64)
        first = (chunk % per_sequence).to(tl.int64) * CHUNK
        return sequence, first, tl.minimum(time - first, CHUNK)
    else:
        first = tl.load(starts + chunk)
        return first * 0, first, tl.load(counts + chunk).to(tl.int64)


@triton.jit
def _load_log_decay(pointer, stride, column_stride, rows, columns, count, size):
    """A float32 tile; zeros where rows leave the chunk or columns the size."""
    held = (rows[:, None] >= 0) & (rows[:, None] < count) & (columns[None, :] < size)
    place = pointer + rows[:, None] * stride + columns[None, :] * column_stride
    return tl.load(place, mask=held, other=0.0).to(tl.float32)


@triton.jit(do_not_specialize=["time"])
def elementwise_ends_kernel(
    log_decay,
    values,
    decays,
    added,
    # chunks
    starts,
    counts,
    time,
    # sizes
    size,
    decay_batch_stride,
    decay_stride,
    decay_column_stride,
    BACK: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    """values (tokens, D): b, or BACK the outputs' gradient; decays, added (chunks, D)."""
    chunk = tl.program_id(0).to(tl.int64)
    sequence, first, count = _locate(chunk, time, starts, counts, CHUNK)
    rows = tl.arange(0, CHUNK)
    columns = tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D)
    log_decay += sequence * decay_batch_stride + first * decay_stride
    values += (sequence * time + first) * size

    here = _load_log_decay(log_decay, decay_stride, decay_column_stride, rows, columns, count, size)
    if BACK:
        left = tl.cumsum(here, 0)
    else:
        after = _load_log_decay(
            log_decay, decay_stride, decay_column_stride, rows + 1, columns, count, size
        )
        left = tl.cumsum(after, 0, reverse=True)
    tile = load(values, size, rows, columns, count, size).to(tl.float32)
    at = chunk * size + columns
    tl.store(decays + at, tl.exp(tl.sum(here, 0)), mask=columns < size)
    tl.store(added + at, tl.sum(tl.exp(left) * tile, 0), mask=columns < size)


@triton.jit(do_not_specialize=["time"])
def elementwise_carry_kernel(
    decays,
    added,
    initial,
    carried,
    final,
    # sequences
    first,
    time,
    # sizes
    size,
    BACK: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """decays, added, carried (chunks, D); initial (N, D) or None; final (N, D). carried is the
    state a chunk begins with, BACK the gradient of the one it ends with; BACK initial is the
    gradient of the last state, final that of the first."""
    sequence = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D)
    inside = columns < size
    if first is None:
        number = tl.cdiv(time, CHUNK)
        lowest = sequence * number
    else:
        lowest = tl.load(first + sequence)
        number = (tl.load(first + sequence + 1) - lowest).to(tl.int32)
    if initial is None:
        state = tl.zeros([BLOCK_D], tl.float32)
    else:
        state = tl.load(initial + sequence * size + columns, mask=inside, other=0.0)

    rows = tl.arange(0, BLOCK_C)
    for done in range(0, number, BLOCK_C):
        order = done + rows
        if BACK:
            here, chunks, following = lowest + number - 1 - done, lowest + number - 1 - order, -1
        else:
            here, chunks, following = lowest + done, lowest + order, 1
        held = (order[:, None] < number) & inside[None, :]
        place = chunks[:, None] * size + columns[None, :]
        decay = tl.load(decays + place, mask=held, other=1.0)
        value = tl.load(added + place, mask=held, other=0.0)
        value = tl.where(rows[:, None] == 0, value + decay * state[None, :], value)
        _, after = tl.associative_scan((decay, value), 0, _then)
        tl.store(carried + here * size + columns, state, mask=inside)
        more = (order[:, None] + 1 < number) & (rows[:, None] + 1 < BLOCK_C) & inside[None, :]
        tl.store(carried + place + following * size, after, mask=more)
        state = tl.sum(tl.where(rows[:, None] == BLOCK_C - 1, after, 0.0), 0)
    tl.store(final + sequence * size + columns, state, mask=inside)


@triton.jit(do_not_specialize=["time"])
def elementwise_outputs_kernel(
    log_decay,
    inputs,
    states,
    outputs,
    # chunks
    starts,
    counts,
    time,
    # sizes
    size,
    decay_batch_stride,
    decay_stride,
    decay_column_stride,
    CHUNK: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    """inputs, outputs (tokens, D); states (chunks, D)."""
    chunk = tl.program_id(0).to(tl.int64)
    sequence, first, count = _locate(chunk, time, starts, counts, CHUNK)
    rows = tl.arange(0, CHUNK)
    columns = tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D)
    log_decay += sequence * decay_batch_stride + first * decay_stride
    token = (sequence * time + first) * size
    held = columns < tl.where(count > 0, size, 0)  # a chunk without tokens has no state

    decay = tl.exp(
        _load_log_decay(log_decay, decay_stride, decay_column_stride, rows, columns, count, size)
    )
    value = load(inputs + token, size, rows, columns, count, size).to(tl.float32)
    state = tl.load(states + chunk * size + columns, mask=held, other=0.0)
    value = tl.where(rows[:, None] == 0, value + decay * state[None, :], value)
    _, hidden = tl.associative_scan((decay, value), 0, _then)
    store(outputs + token, size, rows, columns, count, size, hidden)


@triton.jit(do_not_specialize=["time"])
def elementwise_gradients_kernel(
    log_decay,
    inputs,
    of_outputs,
    states,
    of_ends,
    of_log_decay,
    of_inputs,
    # chunks
    starts,
    counts,
    time,
    # sizes
    size,
    decay_batch_stride,
    decay_stride,
    decay_column_stride,
    CHUNK: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    """inputs, of_outputs, of_log_decay, of_inputs (tokens, D); states, of_ends (chunks, D)."""
    chunk = tl.program_id(0).to(tl.int64)
    sequence, first, count = _locate(chunk, time, starts, counts, CHUNK)
    rows = tl.arange(0, CHUNK)
    columns = tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D)
    log_decay += sequence * decay_batch_stride + first * decay_stride
    token = (sequence * time + first) * size
    held = columns < tl.where(count > 0, size, 0)  # a chunk without tokens has no state

    # h_{i-1} at row i: the same scan a row later, the carried state at row 0
    before = _load_log_decay(
        log_decay, decay_stride, decay_column_stride, rows - 1, columns, count, size
    )
    value = load(inputs + token, size, rows - 1, columns, count, size).to(tl.float32)
    state = tl.load(states + chunk * size + columns, mask=held, other=0.0)
    value = tl.where(rows[:, None] == 0, state[None, :], value)
    _, previous = tl.associative_scan((tl.exp(before), value), 0, _then)

    after = _load_log_decay(
        log_decay, decay_stride, decay_column_stride, rows + 1, columns, count, size
    )
    upstream = load(of_outputs + token, size, rows, columns, count, size).to(tl.float32)
    of_end = tl.load(of_ends + chunk * size + columns, mask=held, other=0.0)
    upstream = tl.where(rows[:, None] == count - 1, upstream + of_end[None, :], upstream)
    _, of_hidden = tl.associative_scan((tl.exp(after), upstream), 0, _then, reverse=True)

    decay = tl.exp(
        _load_log_decay(log_decay, decay_stride, decay_column_stride, rows, columns, count, size)
    )
    store(of_inputs + token, size, rows, columns, count, size, of_hidden)
    store(of_log_decay + token, size, rows, columns, count, size, of_hidden * decay * previous)
