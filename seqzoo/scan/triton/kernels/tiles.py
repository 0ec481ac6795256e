"""What all kernels of the linear recurrence do with tiles: find a chunk, load, store, multiply.

A tile's rows are a chunk's tokens, or a part of them; rows outside the chunk and columns outside
the tensor load as zero and are not stored. Every tensor is row-major; `stride` is the distance of
two tokens.

Compilers are known to get some patterns wrong on hardware, which neither the interpreter nor
compiling ahead of time shows. Two are kept out, since doing without costs nothing: a product whose
left operand is a transposed result, `tl.dot(tl.trans(x), ...)` of an x that was computed and not
loaded; and, in half precision with heads up to 128, eight warps a program on Hopper and Blackwell.
"""

# pyright: reportIndexIssue=false, reportOperatorIssue=false, reportOptionalOperand=false
# pyright: reportGeneralTypeIssues=false

from __future__ import annotations

import triton
import triton.language as tl

from seqzoo.scan.triton.available import interpreting

INTERPRETED = tl.constexpr(interpreting())
"""Whether kernels run in the interpreter of this process."""

LEAST = tl.constexpr(-1e4)
"""Stands for any smaller log decay, -inf too: e^LEAST is 0, and sums of it stay numbers."""

LEAST_HALF = tl.constexpr(-120.0)
"""The same for half precision, where decays of pairs are differences of sums, which keep more
digits the smaller the sums are: e^-120 is 0 in float32 as well."""


@triton.jit
def place_of(TILES: tl.constexpr, heads: tl.constexpr):
    """This program's tile, head, and chunk or sequence. Tiles run fastest, then heads: programs
    that share rows start together, and the second finds in L2 what the first has loaded."""
    program = tl.program_id(0)
    tile = program % TILES
    head = (program // TILES) % heads
    return tile, head, (program // (TILES * heads)).to(tl.int64)


@triton.jit
def locate(chunk, time, starts, counts, CHUNK: tl.constexpr):
    """A chunk's first row among all B * T, and how many tokens it has; 0 or less: none."""
    if starts is None:
        per_sequence = tl.cdiv(time, CHUNK)
        first = (chunk % per_sequence) * CHUNK
        return (chunk // per_sequence).to(tl.int64) * time + first, tl.minimum(time - first, CHUNK)
    else:
        return tl.load(starts + chunk), tl.load(counts + chunk)


@triton.jit
def load(pointer, stride, rows, columns, count, width):
    """(rows, columns) in the tensor's dtype."""
    held = (rows[:, None] >= 0) & (rows[:, None] < count) & (columns[None, :] < width)
    return tl.load(pointer + rows[:, None] * stride + columns[None, :], mask=held, other=0.0)


@triton.jit
def load_rows(pointer, stride, rows, columns, count, width):
    """`load` of rows that are none before the first."""
    held = (rows[:, None] < count) & (columns[None, :] < width)
    return tl.load(pointer + rows[:, None] * stride + columns[None, :], mask=held, other=0.0)


@triton.jit
def load_all(pointer, stride, rows, columns, width):
    """`load` of rows that are all there."""
    held = columns[None, :] < width
    return tl.load(pointer + rows[:, None] * stride + columns[None, :], mask=held, other=0.0)


@triton.jit
def store(pointer, stride, rows, columns, count, width, tile):
    """(rows, columns), rounded to the tensor's dtype."""
    held = (rows[:, None] < count) & (columns[None, :] < width)
    place = pointer + rows[:, None] * stride + columns[None, :]
    tl.store(place, rounded(tile, pointer.dtype.element_ty), mask=held)


@triton.jit
def load_column(pointer, stride, rows, count):
    """One number a row, float32."""
    held = (rows >= 0) & (rows < count)
    return tl.load(pointer + rows * stride, mask=held, other=0.0).to(tl.float32)


@triton.jit
def store_column(pointer, stride, rows, count, column):
    """One number a row."""
    tl.store(pointer + rows * stride, rounded(column, pointer.dtype.element_ty), mask=rows < count)


@triton.jit
def at_least(log_decay, least: tl.constexpr = LEAST):
    """log_decay in float32, at least `least`; NaN stays, which a GPU's maximum would drop."""
    return tl.maximum(log_decay.to(tl.float32), least, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def load_log_decay(pointer, stride, rows, columns, count, width):
    """(rows, columns) float32, at least LEAST."""
    return at_least(load(pointer, stride, rows, columns, count, width))


@triton.jit
def rounded(tile, dtype: tl.constexpr):
    """A float32 tile in `dtype`, to the nearest; the interpreter would cut bfloat16 off."""
    if INTERPRETED and tile.dtype == tl.float32 and dtype == tl.bfloat16:
        bits = tile.to(tl.uint32, bitcast=True)
        bits += ((bits >> 16) & 1) + 0x7FFF
        tile = bits.to(tl.float32, bitcast=True)
    return tile.to(dtype)


@triton.jit
def product(left, right, total, PRECISION: tl.constexpr):
    """total + left @ right in float32; PRECISION tells how float32 operands are multiplied. The
    interpreter's product takes no bfloat16."""
    if INTERPRETED:
        result = tl.dot(left.to(tl.float32), right.to(tl.float32), total)
    else:
        result = tl.dot(left, right, total, input_precision=PRECISION)
    return result


@triton.jit
def decayed(tile, sums, row, head, heads, rows, columns, count, width, KIND: tl.constexpr):
    """tile * e^sums in float32, sums (B, T, H) or (B, T, H, K) by KIND, at `rows`."""
    tile = tile.to(tl.float32)
    if KIND == 1:
        tile *= tl.exp(load_column(sums + row * heads + head, heads, rows, count))[:, None]
    if KIND == 2:
        place = sums + (row * heads + head) * width
        tile *= tl.exp(load(place, heads * width, rows, columns, count, width))
    return tile


@triton.jit
def decay_column(sums, row, head, heads, rows, count):
    """e^sums of a head's decay at `rows`, sums (B, T, H)."""
    return tl.exp(load_column(sums + row * heads + head, heads, rows, count))


@triton.jit
def erase_read(read, strength, read_stride, row, head, heads, rows, columns, count, width):
    """The erase's reads with their factor, float32: r = strength a, or -a without one. `read` is
    where the chunk's reads lie."""
    tile = load(read, read_stride, rows, columns, count, width).to(tl.float32)
    return tile * erase_factor(strength, row, head, heads, rows, count)[:, None]


@triton.jit
def erase_factor(strength, row, head, heads, rows, count):
    """strength (rows,), or -1."""
    if strength is None:
        return tl.where(rows < count, -1.0, 0.0)
    else:
        return load_column(strength + row * heads + head, heads, rows, count)


@triton.jit
def write_factor(strengths, write, row, head, heads, rows, count, RANK: tl.constexpr):
    """The strengths of one write, float32 (rows,), 1 if there are none."""
    if strengths is None:
        return tl.full([rows.shape[0]], 1.0, tl.float32)
    else:
        at = strengths + (row * RANK + write) * heads + head
        return load_column(at, RANK * heads, rows, count)


@triton.jit
def written(
    values, strengths, write, row, head, heads, rows, columns, count, width, RANK: tl.constexpr
):
    """W_l = strength v of one write, (rows, columns) float32."""
    place = values + ((row * RANK + write) * heads + head) * width
    tile = load_rows(place, RANK * heads * width, rows, columns, count, width).to(tl.float32)
    if strengths is not None:
        tile *= write_factor(strengths, write, row, head, heads, rows, count, RANK)[:, None]
    return tile


@triton.jit
def of_scaled_outputs(
    of_outputs, row, head, heads, rows, columns, count, width, scale, dtype: tl.constexpr
):
    """The outputs' gradients times the scale, (rows, columns) in `dtype`."""
    place = of_outputs + (row * heads + head) * width
    tile = load_rows(place, heads * width, rows, columns, count, width)
    return rounded(tile.to(tl.float32) * scale, dtype)


@triton.jit
def load_square(pointer, SIZE: tl.constexpr):
    """A (SIZE, SIZE) matrix of its own."""
    at = tl.arange(0, SIZE)
    return tl.load(pointer + at[:, None] * SIZE + at[None, :])


@triton.jit
def store_square(pointer, tile, SIZE: tl.constexpr):
    """A (SIZE, SIZE) matrix of its own."""
    at = tl.arange(0, SIZE)
    tl.store(pointer + at[:, None] * SIZE + at[None, :], rounded(tile, pointer.dtype.element_ty))


@triton.jit
def value_under(
    solved,
    values,
    stream,
    at,
    row,
    head,
    heads,
    rows,
    columns,
    count,
    width,
    ERASE: tl.constexpr,
    OWN: tl.constexpr,
    RANK: tl.constexpr,
    CHUNK: tl.constexpr,
):
    """The value under key stream `stream` as it lies: V_0, solved (chunks, H, C, V), or v_l, which
    `strength_under` makes V_l. Products with it take that factor when they are done: on a result's
    rows or columns it costs less than on a tile that is loaded for each."""
    if ERASE:
        if stream == 0:
            value = load_all(solved + at * CHUNK * width, width, rows, columns, width)
        else:
            place = values + ((row * RANK + stream - OWN) * heads + head) * width
            value = load_rows(place, RANK * heads * width, rows, columns, count, width)
    else:
        place = values + ((row * RANK + stream) * heads + head) * width
        value = load_rows(place, RANK * heads * width, rows, columns, count, width)
    return value


@triton.jit
def strength_under(
    strengths, stream, row, head, heads, rows, count, ERASE: tl.constexpr, OWN: tl.constexpr,
    RANK: tl.constexpr,
):  # fmt: skip
    """What `value_under` is to be multiplied by, float32 (rows,): 1 for V_0."""
    if ERASE:
        if stream == 0:
            factor = tl.full([rows.shape[0]], 1.0, tl.float32)
        else:
            factor = write_factor(strengths, stream - OWN, row, head, heads, rows, count, RANK)
    else:
        factor = write_factor(strengths, stream, row, head, heads, rows, count, RANK)
    return factor
