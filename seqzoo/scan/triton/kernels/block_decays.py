"""Where each key channel decays on its own: how two tokens' decay splits in two, both at most 1.

Blocks of 16 tokens: two blocks part at the later one's start. Within a block two tokens part as in
`channel_decay`, at the middle of the smallest aligned run of 2, 4, 8 or 16 tokens that holds both:

    (g_{j+1} + ... to the middle)  +  (from the middle to ... + g_i)

So for each half run, 1, 2, 4 and 8 tokens, one matrix product does. Sums are products with ones and
zeros; nothing is ever subtracted.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import load_log_decay, product

BLOCK = tl.constexpr(16)
"""Tokens a block."""

LEVELS = tl.constexpr(4)
"""Half runs of 1, 2, 4 and 8 tokens."""


@triton.jit
def since_start(decays, run, BEFORE: tl.constexpr, PRECISION: tl.constexpr):
    """e^(sum of g from the first token of its run to each token of a block), BEFORE to the one
    above; decays (BLOCK, columns), `run` tokens a run."""
    rows = tl.arange(0, BLOCK)
    i, t = rows[:, None], rows[None, :]
    held = (t <= i - BEFORE) & (i // run == t // run)
    zero = tl.zeros([BLOCK, decays.shape[1]], tl.float32)
    return tl.exp(product(tl.where(held, 1.0, 0.0), decays, zero, PRECISION))


@triton.jit
def until_end(decays, run, PRECISION: tl.constexpr):
    """Sum of g behind each token of a block to the last one of its run, not exponentiated."""
    rows = tl.arange(0, BLOCK)
    j, t = rows[:, None], rows[None, :]
    held = (t > j) & (j // run == t // run)
    zero = tl.zeros([BLOCK, decays.shape[1]], tl.float32)
    return product(tl.where(held, 1.0, 0.0), decays, zero, PRECISION)


@triton.jit
def block_decays(log_decay, stride, block, columns, count, width):
    """g of one block of a chunk, (BLOCK, columns) float32."""
    rows = block * BLOCK + tl.arange(0, BLOCK)
    return load_log_decay(log_decay, stride, rows, columns, count, width)


@triton.jit
def between(log_decay, stride, earlier, later, columns, count, width):
    """Sum of g over all blocks after block `earlier` and before block `later`, (1, columns)."""
    total = tl.zeros([1, columns.shape[0]], tl.float32)
    for block in range(earlier + 1, later):
        here = block_decays(log_decay, stride, block, columns, count, width)
        total += tl.sum(here, 0)[None, :]
    return total


@triton.jit
def part_at(half):
    """(BLOCK, BLOCK): whether a row's token and an earlier column's part in the middle of a run of
    2 * half tokens."""
    rows = tl.arange(0, BLOCK)
    i, j = rows[:, None], rows[None, :]
    return (i > j) & ((i // half) ^ (j // half) == 1)


@triton.jit
def load_pairs(square, first, other, BEFORE: tl.constexpr, CHUNK: tl.constexpr):
    """A (BLOCK, BLOCK) part of a chunk's matrix, rows from `first`, columns from `other`, float32,
    without the pairs that no decay stands between."""
    i = tl.arange(0, BLOCK)[:, None] + first
    j = tl.arange(0, BLOCK)[None, :] + other
    tile = tl.load(square + i * CHUNK + j).to(tl.float32)
    return tl.where(i > j + BEFORE, tile, 0.0)
