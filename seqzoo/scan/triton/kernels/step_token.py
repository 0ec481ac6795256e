"""One token of the recurrence in one kernel: what `seqzoo.scan.token` does, the state read once.

    S' = S Diag(e^g) (I + a b^T) + sum_r v^r (k^r)^T        o = scale S' q

A program holds (BLOCK_V, K) of one state in float32.
"""

# pyright: reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.kernels.tiles import at_least, rounded


@triton.jit
def step_kernel(
    queries,
    keys,
    values,
    strengths,
    log_decay,
    read,
    strength,
    write,
    state,
    outputs,
    final,
    heads,
    key_size,
    value_size,
    scale,
    KIND: tl.constexpr,
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    RANK: tl.constexpr,
    KEYS: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """queries, read, write (B, H, K), keys (B, R, H, K), values (B, R, H, V), strengths (B, R, H),
    strength (B, H), state, final (B, H, V, K) float32 -> outputs (B, H, V). read None is key 1,
    state None zero."""
    batch = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    at = batch * heads + head
    channels = tl.arange(0, KEYS)
    columns = tl.program_id(2) * BLOCK_V + tl.arange(0, BLOCK_V)
    inside = channels < key_size
    inside_v = columns < value_size
    held = inside_v[:, None] & inside[None, :]
    place = at * value_size * key_size + columns[:, None] * key_size + channels[None, :]

    if state is None:
        tile = tl.zeros([BLOCK_V, KEYS], tl.float32)
    else:
        tile = tl.load(state + place, mask=held, other=0.0)
    seen = tile
    if KIND == 1:
        tile *= tl.exp(at_least(tl.load(log_decay + at)))
    if KIND == 2:
        decay = tl.load(log_decay + at * key_size + channels, mask=inside, other=0.0)
        tile *= tl.exp(at_least(decay))[None, :]
    if ERASE:
        if read is None:
            asked = tl.load(
                keys + (batch * RANK * heads + head) * key_size + channels, mask=inside, other=0.0
            )
        else:
            asked = tl.load(read + at * key_size + channels, mask=inside, other=0.0)
        asked = asked.to(tl.float32)
        if not BEFORE:
            seen = tile
        found = tl.sum(seen * asked[None, :], 1)
        if write is None:
            left = -tl.load(strength + at).to(tl.float32) * asked
        else:
            left = tl.load(write + at * key_size + channels, mask=inside, other=0.0).to(tl.float32)
        tile += found[:, None] * left[None, :]
    for component in range(RANK):
        one = (batch * RANK + component) * heads + head
        key = tl.load(keys + one * key_size + channels, mask=inside, other=0.0).to(tl.float32)
        value = tl.load(values + one * value_size + columns, mask=inside_v, other=0.0)
        value = value.to(tl.float32)
        if strengths is not None:
            value *= tl.load(strengths + one).to(tl.float32)
        tile += value[:, None] * key[None, :]
    tl.store(final + place, tile, mask=held)
    query = tl.load(queries + at * key_size + channels, mask=inside, other=0.0).to(tl.float32)
    result = rounded(tl.sum(tile * query[None, :], 1) * scale, outputs.dtype.element_ty)
    tl.store(outputs + at * value_size + columns, result, mask=inside_v)
