"""The gradients of the reads within a mini-batch: dY, dQ, and what K, eta, c and G have of them.

The equations of `twin.py` down to dS and P^T dY. No mini-batch waits for another here: a program
takes one of them and one head, with W and b before it at hand.
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
    of_queries,
    row_of,
    scores_of,
    through,
)


@triton.jit
def ttt_read_gradients_kernel(
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
    of_reads,
    of_unread,
    of_queries_,
    key_part,
    inner_part,
    rate_part,
    of_factors,
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
    """states (runs, SPAN, H, K, K) before every mini-batch of a run, of_reads (tokens, H, K) ->
    of_unread, dY, and of_queries_ (tokens, H, K), in the queries' dtype; in float32 key_part of dK
    and inner_part of dG (tokens, H, K), rate_part (tokens, H). Added to: of_factors
    (runs, SPAN, H, MINI), of_scale and of_shift (runs, SPAN, H, K), float32."""
    program = tl.program_id(0)
    head, part = program % heads, (program // heads) % SPAN
    run = (program // (heads * SPAN)).to(tl.int64)
    begin, total = tl.load(starts + run), tl.load(counts + run).to(tl.int32)
    rows = tl.arange(0, CHUNK)
    columns = tl.arange(0, SIZE)
    stride: tl.constexpr = heads * size
    dtype = keys.dtype.element_ty
    gamma = row_of(scale + head * size, columns, size)
    beta = row_of(shift + head * size, columns, size)
    factor = load_column(factors, 1, rows, MINI)
    at = (run * SPAN + part) * heads + head
    wide = tl.zeros([CHUNK, SIZE], tl.float32)

    for number in range(part, tl.cdiv(total, MINI), SPAN):  # once, or not at all
        row = begin + number * MINI
        count = tl.minimum(total - number * MINI, MINI)
        token = (row * heads + head) * size
        q = load_rows(queries + token, stride, rows, columns, count, size)
        k = load_rows(keys + token, stride, rows, columns, count, size)
        v = load_rows(values + token, stride, rows, columns, count, size).to(tl.float32)
        eta = load_column(rates + row * heads + head, heads, rows, count)
        before = rounded(load_state(states + at * size * size, columns, size), dtype)
        b = row_of(state_biases + at * size, columns, size)
        _, _, _, g, _ = of_keys(k, v, before, b, gamma, beta, columns, size, PRECISION)
        g = rounded(g, dtype)
        x, inverse = of_queries(
            q, k, g, before, b, factor, eta, count, columns, size, PRECISION
        )  # fmt: skip

        do = load_rows(of_reads + token, stride, rows, columns, count, size).to(tl.float32)
        add_to(of_scale + at * size, columns, tl.sum(do * x, 0), size)
        add_to(of_shift + at * size, columns, tl.sum(do, 0), size)
        dy, _ = through(gamma * do, x, columns, size)
        dy = rounded(dy * inverse[:, None], dtype)
        store(of_unread + token, stride, rows, columns, count, size, dy)
        of_scores = -scores_of(dy, g, count, PRECISION) * (factor[:, None] * eta[None, :])
        of_scores = tl.where(rows[:, None] >= rows[None, :], of_scores, 0.0)
        dq = product(rounded(of_scores, dtype), k, do, PRECISION)
        # loaded again, W here and k and q below, so that fewer numbers are held
        before = rounded(load_state(states + at * size * size, columns, size), dtype)
        dq = product(dy, tl.trans(before), dq, PRECISION)
        store(of_queries_ + token, stride, rows, columns, count, size, dq)

        k = load_rows(keys + token, stride, rows, columns, count, size)
        q = load_rows(queries + token, stride, rows, columns, count, size)
        # the same, a token j a row, so that no product begins with a transpose
        later = rows[:, None] <= rows[None, :]
        scores = tl.where(later, scores_of(k, q, count, PRECISION) + 1.0, 0.0)
        of_mixing = -scores_of(g, dy, count, PRECISION)
        of_eta = tl.sum(of_mixing * scores * factor[None, :], 1)
        store_column(rate_part + row * heads + head, heads, rows, count, of_eta)
        of_factor = tl.sum(of_mixing * scores * eta[:, None], 0)
        add_to(of_factors + at * MINI, rows, of_factor, MINI)
        strengths = eta[:, None] * factor[None, :]
        of_scores = tl.where(later, of_mixing * strengths, 0.0)
        dk = product(rounded(of_scores, dtype), q, wide, PRECISION)
        store(key_part + token, stride, rows, columns, count, size, dk)
        dg = -product(rounded(strengths * scores, dtype), dy, wide, PRECISION)
        store(inner_part + token, stride, rows, columns, count, size, dg)
