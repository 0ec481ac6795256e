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
    key_heads,
    key_size,
    value_size,
    scale,
    KIND: tl.constexpr,
    ERASE: tl.constexpr,
    BEFORE: tl.constexpr,
    ALONG: tl.constexpr,
    RANK: tl.constexpr,
    KEYS: tl.constexpr,
    BLOCK_V: tl.constexpr,
):
    """queries, read, write (B, G, K), keys (B, R, G, K), values (B, R, H, V), strengths (B, R, H),
    strength (B, H), state, final (B, H, V, K) float32 -> outputs (B, H, V). read None is key 1,
    ALONG what is taken away along; state None is zero."""
    batch = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    at = batch * heads + head
    key_head = head // (heads // key_heads)
    key_at = (batch * key_heads + key_head) * key_size
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
        first = keys + (batch * RANK * key_heads + key_head) * key_size
        if read is None:
            asked = tl.load(first + channels, mask=inside, other=0.0).to(tl.float32)
        else:
            asked = tl.load(read + key_at + channels, mask=inside, other=0.0).to(tl.float32)
        if not BEFORE:
            seen = tile
        found = tl.sum(seen * asked[None, :], 1)
        if write is not None:
            left = tl.load(write + key_at + channels, mask=inside, other=0.0).to(tl.float32)
        else:
            if ALONG:
                along = tl.load(first + channels, mask=inside, other=0.0).to(tl.float32)
            else:
                along = asked
            left = -tl.load(strength + at).to(tl.float32) * along
        tile += found[:, None] * left[None, :]
    for component in range(RANK):
        one = (batch * RANK + component) * heads + head
        key = keys + ((batch * RANK + component) * key_heads + key_head) * key_size
        key = tl.load(key + channels, mask=inside, other=0.0).to(tl.float32)
        value = tl.load(values + one * value_size + columns, mask=inside_v, other=0.0)
        value = value.to(tl.float32)
        if strengths is not None:
            value *= tl.load(strengths + one).to(tl.float32)
        tile += value[:, None] * key[None, :]
    tl.store(final + place, tile, mask=held)
    query = tl.load(queries + key_at + channels, mask=inside, other=0.0).to(tl.float32)
    result = rounded(tl.sum(tile * query[None, :], 1) * scale, outputs.dtype.element_ty)
    tl.store(outputs + at * value_size + columns, result, mask=inside_v)
