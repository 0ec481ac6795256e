"""Stage 3, the inverse of a chunk's triangular system: L = (I + N_0)^-1, once whatever the rank.

Blocks of 16 on the diagonal by forward substitution, all side by side. Then, with D the inverse of
the diagonal blocks and O what lies below them, Z = D O is nilpotent, Z^2 = 0 for two blocks and
Z^4 = 0 for four, and

    L = (I + Z)^-1 D = (I - Z) D  or  (I - Z)(I + Z^2) D
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import load_square, locate, product, store_square


@triton.jit(do_not_specialize=["time"])
def block_inverse_kernel(
    system, inverse, starts, counts, time, heads, CHUNK: tl.constexpr, BLOCK: tl.constexpr
):
    """system (chunks, H, C, C), strictly lower, float32 -> the diagonal blocks of inverse."""
    chunk = tl.program_id(0).to(tl.int64)
    _, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    at = (chunk * heads + tl.program_id(1)) * CHUNK * CHUNK
    at += tl.program_id(2) * BLOCK * (CHUNK + 1)
    rows = tl.arange(0, BLOCK)
    solution = tl.where(rows[:, None] == rows[None, :], 1.0, 0.0)
    for i in range(1, BLOCK):
        factors = tl.load(system + at + i * CHUNK + rows)
        known = tl.sum(factors[:, None] * solution, 0)
        solution -= tl.where(rows[:, None] == i, known[None, :], 0.0)
    tl.store(inverse + at + rows[:, None] * CHUNK + rows[None, :], solution)


@triton.jit(do_not_specialize=["time"])
def merge_inverse_kernel(
    system,
    inverse,
    starts,
    counts,
    time,
    heads,
    PRECISION: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Completes inverse (chunks, H, C, C) from its diagonal blocks; C is two or four blocks."""
    chunk = tl.program_id(0).to(tl.int64)
    _, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    at = (chunk * heads + tl.program_id(1)) * CHUNK * CHUNK
    blocks = tl.arange(0, CHUNK) // BLOCK
    diagonal = blocks[:, None] == blocks[None, :]
    inner = tl.where(diagonal, load_square(inverse + at, CHUNK), 0.0)
    below = tl.where(diagonal, 0.0, load_square(system + at, CHUNK))
    zero = tl.zeros([CHUNK, CHUNK], tl.float32)
    step = product(inner, below, zero, PRECISION)
    total = inner - product(step, inner, zero, PRECISION)
    if CHUNK == 4 * BLOCK:
        total = product(product(step, step, zero, PRECISION), total, total, PRECISION)
    store_square(inverse + at, total, CHUNK)
