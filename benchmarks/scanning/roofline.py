"""The distance from the limit: a recurrence's fewest bytes and its arithmetic, over measured
ceilings.

Bytes: every input read once and every output written once; training reads the inputs and the
outputs' gradients once more and writes the inputs' gradients. A token reads and writes the state.

Arithmetic, of the chunked form with C = 64, a multiply-add as two, by token and head, with
K = V = D, R writes, P = R key streams (R + 1 if an erase writes with a key of its own), e = 1 if
something is erased, else 0:

    scores        (1 + e) P 2 C D     q and the erase's reads against every key stream
    their use     (1 + e) P 2 C D     times the values: outputs, right-hand sides of the solve
    the solve     e (C^2 / 3 + 4 C D) the triangular inverse, and its products X and Y
    the state     (1 + e + P) 2 D^2   read by q and by the erase, updated by every stream

Decays and masks are not counted. Backward is twice forward: each product has two. A token costs
(1 + e + P) 2 D^2. A chunk in full is counted, as matrix units compute it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from scanning.recurrences import Recurrence, Shape
from scanning.work import STEP, TRAINING, Work
from seqzoo.bench.timing import on_gpu, take_turns

CHUNK = 64


class Ceilings(NamedTuple):
    """Measured limits of this machine: bytes and operations per second."""

    bytes_per_second: float
    flops_per_second: float
    copied_bytes: int
    matmul_size: int
    dtype: str


def measure_ceilings(device: torch.device, dtype: torch.dtype, quick: bool = False) -> Ceilings:
    """A large copy, read and written, and a large square product in the dtype used."""
    on_cpu = device.type == "cpu"
    count, size = (2**26, 2048) if on_cpu else (2**30, 8192)
    if quick:
        count, size = count // 16, size // 4
    source = torch.rand(count, device=device)
    target = torch.empty_like(source)
    left = torch.randn(size, size, device=device, dtype=dtype)
    right = torch.randn(size, size, device=device, dtype=dtype)
    product = torch.empty_like(left)
    functions = {
        "copy": lambda: target.copy_(source),
        "matmul": lambda: torch.mm(left, right, out=product),
    }
    if on_cpu:
        times = take_turns(functions, seconds=0.2 if quick else 2.0)
    else:
        times = {name: on_gpu(function, 200) for name, function in functions.items()}
    copied = 2 * source.nbytes
    return Ceilings(
        copied / times["copy"].median_ms * 1e3,
        2 * size**3 / times["matmul"].median_ms * 1e3,
        copied,
        size,
        str(dtype).removeprefix("torch."),
    )


def flops(rule: Recurrence, shape: Shape, action: str) -> float:
    """The operations of one call, by the formula above."""
    size = shape.size
    erases = 0 if rule.erase == "none" else 1
    streams = rule.rank + (1 if rule.erase == "before_decay" else 0)
    state = (1 + erases + streams) * 2 * size**2
    if action == STEP:
        return shape.batch * shape.heads * state
    scores = (1 + erases) * streams * 2 * CHUNK * size
    solve = erases * (CHUNK**2 / 3 + 4 * CHUNK * size)
    forward = shape.batch * shape.time * shape.heads * (2 * scores + solve + state)
    return 3 * forward if action == TRAINING else forward


def ideal_bytes(work: Work) -> int:
    """The fewest bytes of one call, by the rule above; lays nothing out."""
    meta = work.rule.leaves(work.shape._replace(batch=1, time=1), work.dtype, torch.device("cpu"))
    tokens = work.shape.batch * work.shape.time
    inputs = tokens * sum(leaf.nbytes for leaf in meta.values())
    outputs = tokens * work.shape.heads * work.shape.size * work.dtype.itemsize
    state = 4 * work.shape.batch * work.shape.heads * work.shape.size**2
    if work.action == STEP:
        return inputs + outputs + 2 * state
    if work.action == TRAINING:
        return 3 * inputs + 2 * outputs + state
    return inputs + outputs + state


def floor_ms(work: Work, ceilings: Ceilings) -> tuple[float, str]:
    """The least milliseconds these ceilings allow, and which of the two sets it."""
    by_bytes = ideal_bytes(work) / ceilings.bytes_per_second
    by_flops = flops(work.rule, work.shape, work.action) / ceilings.flops_per_second
    if by_bytes >= by_flops:
        return 1e3 * by_bytes, "bytes"
    return 1e3 * by_flops, "arithmetic"
