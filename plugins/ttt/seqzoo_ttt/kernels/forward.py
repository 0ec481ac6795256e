"""The dual form along a run of tokens: the equations of `twin.py`, W and b in registers throughout.

A program takes one head of one run, mini-batch after mini-batch. Rows are a mini-batch's tokens.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalOperand=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import load_column, load_rows, product, rounded, store
from seqzoo_ttt.kernels.tiles import load_state, of_keys, of_queries, row_of, store_state


@triton.jit
def ttt_forward_kernel(
    queries,
    keys,
    values,
    rates,
    factors,
    scale,
    shift,
    weight,
    bias,
    slots,
    starts,
    counts,
    reads,
    states,
    state_biases,
    first,
    final,
    final_bias,
    sums,
    bias_sums,
    heads: tl.constexpr,
    size: tl.constexpr,
    MINI: tl.constexpr,
    EVERY: tl.constexpr,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    SIZE: tl.constexpr,
):
    """queries, keys, values (tokens, H, K), rates (tokens, H), factors (MINI,), scale and shift
    (H, K), weight (.., H, K, K) and bias (.., H, K) float32, of a run the one at its slot -> those
    that are not None of reads (tokens, H, K), final and its bias (runs, H, ...), and the sums of a
    last mini-batch that is not whole; states: W before each EVERY-th mini-batch, of a run from
    `first` on. CHUNK >= MINI and SIZE >= K are powers of 2."""
    number = tl.program_id(0)
    run, head = (number // heads).to(tl.int64), number % heads
    begin, total = tl.load(starts + run), tl.load(counts + run).to(tl.int32)
    rows = tl.arange(0, CHUNK)
    columns = tl.arange(0, SIZE)
    stride: tl.constexpr = heads * size
    square: tl.constexpr = size * size
    dtype = keys.dtype.element_ty

    gamma = row_of(scale + head * size, columns, size)
    beta = row_of(shift + head * size, columns, size)
    factor = load_column(factors, 1, rows, MINI)
    last = tl.load(factors + MINI - 1).to(tl.float32)
    slot = tl.load(slots + run) * heads + head
    w = load_state(weight + slot * square, columns, size)
    b = row_of(bias + slot * size, columns, size)
    at = run * heads + head

    for number in range(tl.cdiv(total, MINI)):
        row = begin + number * MINI
        count = tl.minimum(total - number * MINI, MINI)
        if states is not None:  # noqa: SIM102 (Triton settles this one when it compiles)
            if number % EVERY == 0:
                kept = (tl.load(first + run) + number // EVERY) * heads + head
                store_state(states + kept * square, columns, w, size)
                place = state_biases + kept * size + columns[None, :]
                tl.store(place, b, mask=columns[None, :] < size)
        token = (row * heads + head) * size
        k = load_rows(keys + token, stride, rows, columns, count, size)
        v = load_rows(values + token, stride, rows, columns, count, size).to(tl.float32)
        eta = load_column(rates + row * heads + head, heads, rows, count)
        before = rounded(w, dtype)
        _, _, _, g, _ = of_keys(k, v, before, b, gamma, beta, columns, size, PRECISION)
        if reads is not None:
            q = load_rows(queries + token, stride, rows, columns, count, size)
            # a token that is not finite is seen by no earlier one
            broken = tl.max(tl.where((g - g) == 0.0, 0, 1), 1) > 0
            lost = tl.min(tl.where(broken, rows, CHUNK), 0)
            seen = rounded(tl.where(broken[:, None], 0.0, g), dtype)
            x, _ = of_queries(
                q, k, seen, before, b, factor, eta, count, columns, size, PRECISION
            )  # fmt: skip
            x = tl.where(rows[:, None] >= lost, float("nan"), q.to(tl.float32) + gamma * x + beta)
            store(reads + token, stride, rows, columns, count, size, x)

        scaled = eta[:, None] * g
        if count == MINI:
            w = product(tl.trans(k), rounded(-last * scaled, dtype), w, PRECISION)
            b -= last * tl.sum(scaled, 0)[None, :]
        else:
            if sums is not None:
                change = tl.zeros([SIZE, SIZE], tl.float32)
                change = product(tl.trans(k), rounded(scaled, dtype), change, PRECISION)
                store_state(sums + at * square, columns, change, size)
                place = bias_sums + at * size + columns
                tl.store(place, tl.sum(scaled, 0), mask=columns < size)
    if final is not None:
        store_state(final + at * square, columns, w, size)
        tl.store(final_bias + at * size + columns[None, :], b, mask=columns[None, :] < size)
