"""Stage 1 backward where each key channel decays on its own, from the gradients of G_i, of G_{i-1},
of E_i and of the whole chunk's sum:

    dg_s = sum_{i>=s} dG_i + sum_{i>s} dG_{i-1} + sum_{i<s} dE_i + dG_C
"""

# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import load, load_rows, locate, place_of, store


@triton.jit(do_not_specialize=["time"])
def channel_decay_gradients_kernel(
    of_from_start,
    of_before,
    of_total,
    of_key_sums,
    of_to_end,
    of_log_decay,
    starts,
    counts,
    time,
    heads: tl.constexpr,
    key_size: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """of_from_start, of_before or None, of_key_sums and of_to_end (tokens, H, K), of_total
    (chunks, H, K), float32 -> of_log_decay (tokens, H, K)."""
    tile, head, chunk = place_of(tl.cdiv(key_size, BLOCK_K), heads)
    row, count = locate(chunk, time, starts, counts, CHUNK)
    if count <= 0:
        return
    rows = tl.arange(0, CHUNK)
    columns = tile * BLOCK_K + tl.arange(0, BLOCK_K)
    place = (row * heads + head) * key_size
    stride: tl.constexpr = heads * key_size
    suffix = load_rows(of_from_start + place, stride, rows, columns, count, key_size)
    suffix += load_rows(of_key_sums + place, stride, rows, columns, count, key_size)
    if of_before is not None:
        suffix += load_rows(of_before + place, stride, rows + 1, columns, count, key_size)
    prefix = load(of_to_end + place, stride, rows - 1, columns, count, key_size)
    total = of_total + (chunk * heads + head) * key_size + columns
    total = tl.load(total, mask=columns < key_size, other=0.0)
    result = tl.cumsum(suffix, 0, reverse=True) + tl.cumsum(prefix, 0) + total[None, :]
    store(of_log_decay + place, stride, rows, columns, count, key_size, result)
