"""Stage 1, chunk-local sums of log decays: G_i = sum_{s<=i} g_s and E_i = sum_{s>i} g_s.

Both are sums of what they cover, never differences, so a decay of e^-30 or of 0 takes no digits
from its neighbours. Reads before the decay take G_{i-1}, which is G at the row above. Backward,
with the gradients of G_i, of G_{i-1}, of E_i and of the whole chunk's sum,

    dg_s = sum_{i>=s} dG_i + sum_{i>s} dG_{i-1} + sum_{i<s} dE_i + dG_C

The columns are H, or H * K, side by side.
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import load, load_log_decay, locate, store


@triton.jit(do_not_specialize=["time"])
def decay_sums_kernel(
    log_decay,
    from_start,
    to_end,
    starts,
    counts,
    time,
    width,
    CHUNK: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    """log_decay (tokens, width) -> from_start, to_end (tokens, width) float32."""
    row, count = locate(tl.program_id(0).to(tl.int64), time, starts, counts, CHUNK)
    if count <= 0:
        return
    rows = tl.arange(0, CHUNK)
    columns = tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D)
    log_decay += row * width
    here = load_log_decay(log_decay, width, rows, columns, count, width)
    after = load_log_decay(log_decay, width, rows + 1, columns, count, width)
    store(from_start + row * width, width, rows, columns, count, width, tl.cumsum(here, 0))
    left = tl.cumsum(after, 0, reverse=True)
    store(to_end + row * width, width, rows, columns, count, width, left)


@triton.jit(do_not_specialize=["time", "part_stride", "total_stride"])
def decay_sums_back_kernel(
    of_from_start,
    of_before,
    of_total,
    of_key_sums,
    of_to_end,
    of_log_decay,
    starts,
    counts,
    time,
    width,
    part_stride,
    total_stride,
    READ_PARTS: tl.constexpr,
    KEY_PARTS: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_D: tl.constexpr,
):
    """of_from_start, of_before or None (READ_PARTS, tokens, width), of_total
    (READ_PARTS, chunks, width), of_key_sums and of_to_end (KEY_PARTS, tokens, width), float32 ->
    of_log_decay (tokens, width)."""
    chunk = tl.program_id(0).to(tl.int64)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    rows = tl.arange(0, CHUNK)
    columns = tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D)
    suffix = tl.zeros([CHUNK, BLOCK_D], tl.float32)
    prefix = tl.zeros([CHUNK, BLOCK_D], tl.float32)
    total = tl.zeros([BLOCK_D], tl.float32)
    place = row * width
    at = chunk * width + columns
    for _ in range(READ_PARTS):
        suffix += load(of_from_start + place, width, rows, columns, count, width)
        if of_before is not None:
            suffix += load(of_before + place, width, rows + 1, columns, count, width)
        total += tl.load(of_total + at, mask=columns < width, other=0.0)
        place += part_stride
        at += total_stride
    place = row * width
    for _ in range(KEY_PARTS):
        suffix += load(of_key_sums + place, width, rows, columns, count, width)
        prefix += load(of_to_end + place, width, rows - 1, columns, count, width)
        place += part_stride
    result = tl.cumsum(suffix, 0, reverse=True) + tl.cumsum(prefix, 0) + total[None, :]
    store(of_log_decay + row * width, width, rows, columns, count, width, result)
