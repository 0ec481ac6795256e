"""Stage 2, the inverse of a chunk's triangular system: L = (I + N_0)^-1, once whatever the rank.

Two neighbouring diagonal blocks whose inverses are known, with O below them, make one of twice the
size, [[P, 0], [-Q O P, Q]]. So with L the inverse of all blocks of `half` rows side by side, and O
what lies between each two of them,

    L <- L - L O L        half = 1, 2, 4, ...

gives that of blocks twice as long: two products a doubling, and no number ever grows that the
inverse itself does not hold.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import product


@triton.jit
def inverse_of(system, SOLVE: tl.constexpr, CHUNK: tl.constexpr):
    """(I + system)^-1 of a strictly lower (CHUNK, CHUNK) float32 tile."""
    rows = tl.arange(0, CHUNK)
    i, j = rows[:, None], rows[None, :]
    between = tl.where((i > j) & ((i // 1) ^ (j // 1) == 1), system, 0.0)
    result = tl.where(i == j, 1.0, 0.0) - between
    for level in tl.static_range(1, 6):
        if (1 << level) < CHUNK:
            between = tl.where((i > j) & ((i >> level) ^ (j >> level) == 1), system, 0.0)
            zero = tl.zeros([CHUNK, CHUNK], tl.float32)
            step = product(result, between, zero, SOLVE)
            result -= product(step, result, zero, SOLVE)
    return result
