"""The gradient against time: D and d in registers from mini-batch to mini-batch, dK, dV and deta.

The equations of `twin.py` from L = K D + d on; `read_gradients.py` has the others. A program takes
one head of one run, from its last mini-batch to its first. What later runs of the sequence hand
back comes in `carried`, and goes on in it.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import (
    load_column,
    load_rows,
    product,
    rounded,
    store,
    store_column,
)
from seqzoo_ttt.kernels.tiles import (
    add_to,
    load_state,
    of_keys,
    row_of,
    store_state,
    through,
)


@triton.jit
def ttt_state_gradients_kernel(
    queries,
    keys,
    values,
    rates,
    factors,
    scale,
    shift,
    states,
    state_biases,
    starts,
    counts,
    of_unread,
    key_part,
    inner_part,
    rate_part,
    of_sums,
    of_bias_sums,
    carried,
    carried_bias,
    of_keys_,
    of_values,
    of_rates,
    of_last,
    of_scale,
    of_shift,
    heads: tl.constexpr,
    size: tl.constexpr,
    MINI: tl.constexpr,
    SPAN: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    SIZE: tl.constexpr,
):
    """As `ttt_read_gradients_kernel`, with what that gives; of_sums (runs, H, K, K) and
    of_bias_sums -> of_keys_, of_values, of_rates as what they are of. Added to: carried
    (runs, H, K, K) and its bias, of_last (runs, H), the last factor's, of_scale and of_shift
    (runs, H, K), float32."""
    program = tl.program_id(0)
    run, head = (program // heads).to(tl.int64), program % heads
    begin, total = tl.load(starts + run), tl.load(counts + run).to(tl.int32)
    rows = tl.arange(0, CHUNK)
    columns = tl.arange(0, SIZE)
    stride: tl.constexpr = heads * size
    square: tl.constexpr = size * size
    dtype = keys.dtype.element_ty
    gamma = row_of(scale + head * size, columns, size)
    beta = row_of(shift + head * size, columns, size)
    last = tl.load(factors + MINI - 1).to(tl.float32)
    at = run * heads + head
    wide = tl.zeros([CHUNK, SIZE], tl.float32)
    of_w = load_state(carried + at * square, columns, size)
    of_b = row_of(carried_bias + at * size, columns, size)
    of_gamma = tl.zeros([SIZE], tl.float32)
    of_beta = tl.zeros([SIZE], tl.float32)
    of_factor = tl.zeros([CHUNK], tl.float32)

    batches = tl.cdiv(total, MINI)
    for back in range(batches):
        number = batches - 1 - back
        row = begin + number * MINI
        count = tl.minimum(total - number * MINI, MINI)
        token = (row * heads + head) * size
        kept = (run * SPAN + number) * heads + head
        k = load_rows(keys + token, stride, rows, columns, count, size)
        v = load_rows(values + token, stride, rows, columns, count, size).to(tl.float32)
        eta = load_column(rates + row * heads + head, heads, rows, count)
        before = rounded(load_state(states + kept * square, columns, size), dtype)
        b = row_of(state_biases + kept * size, columns, size)
        x, inverse, rest, g, of_length = of_keys(
            k, v, before, b, gamma, beta, columns, size, PRECISION
        )

        asked, asked_bias = rounded(of_w, dtype), of_b
        if count < MINI:
            asked = rounded(load_state(of_sums + at * square, columns, size), dtype)
            asked_bias = row_of(of_bias_sums + at * size, columns, size)
        if count > 0:  # always; a branch, see `tiles.scores_of`
            q = load_rows(queries + token, stride, rows, columns, count, size)
            dy = load_rows(of_unread + token, stride, rows, columns, count, size)
            of_w = product(tl.trans(q), dy, of_w, PRECISION)
            of_b += tl.sum(dy.to(tl.float32), 0)[None, :]
        step = tl.where(count < MINI, -1.0, last)
        along = product(k, asked, wide, PRECISION) + asked_bias
        moved = tl.sum(g * along, 1)
        of_eta = load_column(rate_part + row * heads + head, heads, rows, count) - step * moved
        store_column(of_rates + row * heads + head, heads, rows, count, of_eta)
        of_factor -= tl.where(count == MINI, eta * moved, 0.0)
        scaled = step * eta[:, None]
        dk = load_rows(key_part + token, stride, rows, columns, count, size)
        dk -= product(rounded(scaled * g, dtype), tl.trans(asked), wide, PRECISION)
        dg = load_rows(inner_part + token, stride, rows, columns, count, size) - scaled * along

        t = dg * inverse[:, None]
        of_u, across = through(t, x, columns, size)
        dx = gamma * gamma * of_u - t * of_length[:, None] - gamma * rest * across[:, None]
        dz, _ = through(dx, x, columns, size)
        dz = (dz - x * (tl.sum(dg * g, 1) / size)[:, None]) * inverse[:, None]
        of_gamma += tl.sum(of_u * (rest + gamma * x), 0)
        of_beta += tl.sum(of_u * gamma, 0)
        store(of_values + token, stride, rows, columns, count, size, -gamma * of_u)

        of_b += tl.sum(dz, 0)[None, :]
        dz = rounded(dz, dtype)
        before = rounded(load_state(states + kept * square, columns, size), dtype)
        dk = product(dz, tl.trans(before), dk + gamma * of_u, PRECISION)
        store(of_keys_ + token, stride, rows, columns, count, size, dk)
        if count > 0:  # the keys and W are loaded again, so that fewer numbers are held
            again = load_rows(keys + token, stride, rows, columns, count, size)
            of_w = product(tl.trans(again), dz, of_w, PRECISION)

    store_state(carried + at * square, columns, of_w, size)
    tl.store(carried_bias + at * size + columns[None, :], of_b, mask=columns[None, :] < size)
    add_to(of_scale + at * size, columns, of_gamma, size)
    add_to(of_shift + at * size, columns, of_beta, size)
    place = of_last + at
    tl.store(place, tl.load(place) + tl.sum(of_factor, 0))
