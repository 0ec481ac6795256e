"""What the kernels do with a mini-batch's tiles: find it, the layer norm, the mixing of tokens."""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import product, rounded

EPSILON = tl.constexpr(1e-6)
"""Of the layer norms, as `seqzoo_ttt.loss.EPSILON`."""


@triton.jit
def row_of(pointer, columns, size: tl.constexpr):
    """(1, K) of a row of its own, float32."""
    return tl.load(pointer + columns, mask=columns < size, other=0.0).to(tl.float32)[None, :]


@triton.jit
def load_state(pointer, columns, size: tl.constexpr):
    """A (K, K) matrix of its own, float32."""
    place = pointer + columns[:, None] * size + columns[None, :]
    if size == columns.shape[0]:
        return tl.load(place)
    else:
        held = (columns[:, None] < size) & (columns[None, :] < size)
        return tl.load(place, mask=held, other=0.0)


@triton.jit
def store_state(pointer, columns, tile, size: tl.constexpr):
    """A (K, K) matrix of its own."""
    place = pointer + columns[:, None] * size + columns[None, :]
    if size == columns.shape[0]:
        tl.store(place, tile)
    else:
        tl.store(place, tile, mask=(columns[:, None] < size) & (columns[None, :] < size))


@triton.jit
def add_to(pointer, columns, tile, size: tl.constexpr):
    """pointer[columns] += tile, which no other program touches."""
    held = columns < size
    before = tl.load(pointer + columns, mask=held, other=0.0)
    tl.store(pointer + columns, before + tile, mask=held)


@triton.jit
def inside(tile, columns, size: tl.constexpr):
    """The tile with zeros in the columns that are none."""
    if size == columns.shape[0]:
        return tile
    else:
        return tl.where(columns[None, :] < size, tile, 0.0)


@triton.jit
def standardised(z, columns, size: tl.constexpr):
    """x and 1 / s of z, whose columns beyond the size are 0, as are those of x."""
    mean = tl.sum(z, 1) / size
    centred = inside(z - mean[:, None], columns, size)
    inverse = 1.0 / tl.sqrt(tl.sum(centred * centred, 1) / size + EPSILON)
    return centred * inverse[:, None], inverse


@triton.jit
def through(w, x, columns, size: tl.constexpr):
    """w - mean(w) - x mean(w x), and mean(w x)."""
    mean = tl.sum(w, 1) / size
    along = tl.sum(w * x, 1) / size
    return inside(w - mean[:, None] - x * along[:, None], columns, size), along


@triton.jit
def scores_of(left, right, count, PRECISION: tl.constexpr):
    """left @ right^T, of tokens by tokens.

    On NVIDIA's in a branch, always taken as count > 0: Triton lays warps out alike for products
    that stand side by side, and square ones would spread them over the rows, of which a mini-batch
    has few, so that each warp held all of it. AMD's compiler fails on the branch.
    """
    scores = tl.zeros([left.shape[0], right.shape[0]], tl.float32)
    if PRECISION == "ieee":
        scores = product(left, tl.trans(right), scores, PRECISION)
    else:
        if count > 0:
            scores = product(left, tl.trans(right), scores, PRECISION)
    return scores


@triton.jit
def of_keys(k, v, state, bias, gamma, beta, columns, size: tl.constexpr, PRECISION: tl.constexpr):
    """Of the keys: x and 1 / s of Z, R = LN(Z) - V + K, G, and mean(scale R x)."""
    wide = tl.zeros([k.shape[0], columns.shape[0]], tl.float32)
    z = product(k, state, wide, PRECISION) + bias
    x, inverse = standardised(z, columns, size)
    rest = gamma * x + beta - v + k.to(tl.float32)
    g, along = through(gamma * rest, x, columns, size)
    return x, inverse, rest, g * inverse[:, None], along


@triton.jit
def of_queries(
    q, k, g, state, bias, factor, eta, count, columns, size: tl.constexpr, PRECISION: tl.constexpr
):
    """Of the queries: x and 1 / s of Y = Q W + b - P G."""
    rows = tl.arange(0, q.shape[0])
    wide = tl.zeros([q.shape[0], columns.shape[0]], tl.float32)
    mixing = (scores_of(q, k, count, PRECISION) + 1.0) * (factor[:, None] * eta[None, :])
    mixing = tl.where(rows[:, None] >= rows[None, :], mixing, 0.0)
    y = product(q, state, wide, PRECISION) + bias
    y -= product(rounded(mixing, q.dtype), g, wide, PRECISION)
    return standardised(y, columns, size)
