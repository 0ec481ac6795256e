"""Where each key channel decays on its own: how the decay between two tokens splits in two.

Runs of `span` tokens, CHUNK or half of it or half of that; m is the last token of the first half of
a run. For two tokens of a run

    e^{G_i - G_j} = e^{G_i - G_m} e^{G_m - G_j}

and one matrix product does for all of them. Where j lies before m and i behind it, both factors are
at most 1: so each length of runs serves the pairs that part in the middle of one, down to runs of
single tokens. Where neither half of a run decays by more than e^-MILD, no factor is beyond e^MILD,
and the run serves all its pairs; most chunks are such a run as a whole. That is for half precision,
whose digits the sums' differences keep; in float32 runs are always halved, and the exponents are
sums of what lies between (products with ones), as the digits ask.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportAssignmentType=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import load, load_log_decay, product

MILD = tl.constexpr(40.0)
"""What half a run may decay by: the product of two factors stays in float32's range where it does
not count, too. Decayed rows are multiplied as tf32, which has that range and float16's digits."""

BLOCK = tl.constexpr(16)
"""Tokens that a sum over pairs takes at once, which registers have room for."""

SHORT = tl.constexpr(16)
"""The runs that are tried where the chunk as a whole is not mild."""


@triton.jit
def is_mild(
    from_start, stride, count, width, RUN: tl.constexpr, KEYS: tl.constexpr, CHUNK: tl.constexpr
):
    """Whether no half of a run of RUN tokens sums to less than -MILD, nor to no number."""
    half: tl.constexpr = RUN // 2
    halves = tl.arange(0, CHUNK // half)
    channels = tl.arange(0, KEYS)
    first, end = tl.minimum(halves * half, count) - 1, tl.minimum((halves + 1) * half, count) - 1
    sums = load(from_start, stride, end, channels, count, width)
    sums -= load(from_start, stride, first, channels, count, width)
    return tl.sum(tl.sum(tl.where(sums >= -MILD, 0, 1), 1), 0) == 0


@triton.jit
def halvings(
    from_start, stride, count, width, HALF: tl.constexpr, KEYS: tl.constexpr, CHUNK: tl.constexpr
):
    """How often runs are halved before one product serves all pairs of a run."""
    to_short: tl.constexpr = 0 if CHUNK == 16 else (1 if CHUNK == 32 else 2)
    levels = to_short + 4
    if HALF:
        short = is_mild(from_start, stride, count, width, SHORT, KEYS, CHUNK)
        whole = is_mild(from_start, stride, count, width, CHUNK, KEYS, CHUNK)
        levels = tl.where(whole, 0, tl.where(short, to_short, levels))
    return levels


@triton.jit
def since_middle(
    log_decay, from_start, stride, level, rows, columns, count, width, BEFORE: tl.constexpr,
    HALF: tl.constexpr, PRECISION: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """G_i - G_m, or BEFORE G_{i-1} - G_m, (rows, columns) float32, runs halved `level` times."""
    span = CHUNK >> level
    middle = rows // span * span + tl.maximum(span // 2, 1) - 1
    if HALF:
        sums = load(from_start, stride, rows - BEFORE, columns, count, width)
        middle = tl.minimum(middle, count - 1)
        result = sums - load(from_start, stride, middle, columns, count, width)
    else:
        at = tl.arange(0, CHUNK)
        until, other, middle = rows[:, None] - BEFORE, at[None, :], middle[:, None]
        signs = tl.where((other > middle) & (other <= until), 1.0, 0.0)
        signs -= tl.where((other <= middle) & (other > until), 1.0, 0.0)
        here = load_log_decay(log_decay, stride, at, columns, count, width)
        zero = tl.zeros([rows.shape[0], columns.shape[0]], tl.float32)
        result = sums_by_signs(signs, here, zero, PRECISION)
    return result


@triton.jit
def sums_by_signs(signs, numbers, zero, PRECISION: tl.constexpr):
    """signs @ numbers for signs of -1, 0 and 1, which tf32 holds: two of its products do, of the
    numbers cut to tf32's digits and of what was cut off."""
    if PRECISION == "tf32x3":
        cut = (numbers.to(tl.uint32, bitcast=True) & 0xFFFFE000).to(tl.float32, bitcast=True)
        result = product(signs, cut, zero, "tf32")
        result = product(signs, numbers - cut, result, "tf32")
    else:
        result = product(signs, numbers, zero, PRECISION)
    return result


@triton.jit
def decay_of(exponent):
    """e^exponent; at most e^MILD where it counts, and finite elsewhere. NaN stays: a GPU's minimum
    would drop it and leave a finite factor."""
    return tl.exp(tl.minimum(exponent, MILD, propagate_nan=tl.PropagateNan.ALL))


@triton.jit
def served(level, levels, rows, others, CHUNK: tl.constexpr):
    """(rows, others): which pairs of tokens runs halved `level` times serve: those of two halves of
    one run, and the last time all of a run. Which of a pair is the earlier does not matter."""
    parting = tl.where(level < levels, 1, 0)
    size = CHUNK >> (level + parting)
    return ((rows // size)[:, None] ^ (others // size)[None, :]) == parting
