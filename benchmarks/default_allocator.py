"""What `scan` costs a plain script under glibc's defaults, and where freed memory is kept.

    python benchmarks/default_allocator.py [--repeats 3] [--threads 1]

Two ratios, for forward and backward of the gated delta rule in float32 at (B, H, D) = (1, 4, 64):
rank 2 over rank 1 at 2,048 tokens, and 16,384 over 2,048 tokens at rank 1. Each runs in a fresh
process, once with the defaults and once with glibc told to keep freed memory, as `seqzoo train`
does. Three things are measured, and the smallest of the repeats counts: processor time, including
the kernel's for fresh pages, which a busy machine hardly changes; elapsed time; and the peak of
resident memory beyond what the process held before the first call.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import torch

from seqzoo.scan import Erase, Transition, Writes, scan

HEADS, SIZE = 4, 64
KEEP = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}


class Cost(NamedTuple):
    """Of one forward and backward.

    Attributes:
        processor, passed: milliseconds.
        peak: MiB.
    """

    processor: float
    passed: float
    peak: float


def resident(field: str) -> float:
    """A field of this process's memory, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def cost(tokens: int, rank: int) -> Cost:
    """Measure the cost in this process."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(1, tokens, *shape, generator=generator)

    def unit(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(x, dim=-1)

    drawn = (
        draw(HEADS, SIZE),
        unit(draw(rank, HEADS, SIZE)),
        draw(rank, HEADS, SIZE),
        -draw(HEADS).exp() / 10,
        draw(HEADS).sigmoid(),
    )
    leaves = [tensor.requires_grad_() for tensor in drawn]
    queries, keys, values, log_decay, strength = leaves
    cotangent = draw(HEADS, SIZE)

    def run() -> None:
        transition = Transition(log_decay, Erase(strength=strength))
        outputs = scan(queries, transition, Writes(keys, values), backend="chunked").outputs
        torch.autograd.grad(outputs, leaves, cotangent)

    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    run()
    calls, start, passed = 0, time.process_time(), time.perf_counter()
    while calls < 3 or time.process_time() - start < 0.5:
        run()
        calls += 1
    processor, passed = time.process_time() - start, time.perf_counter() - passed
    return Cost(1000 * processor / calls, 1000 * passed / calls, resident("VmHWM") - before)


def in_own_process(tokens: int, rank: int, keep: bool, threads: int) -> Cost:
    environment = os.environ | (KEEP if keep else {}) | {"OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, __file__, "--one", str(tokens), str(rank)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return Cost(*map(float, done.stdout.split()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", type=int, nargs=2, default=None, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one is not None:
        print(*cost(*asked.one))
        return
    cases = ((2048, 1), (2048, 2), (16384, 1))
    found: dict[tuple[bool, int, int], list[Cost]] = {}
    for _ in range(asked.repeats):
        for keep in (False, True):
            for tokens, rank in cases:
                taken = in_own_process(tokens, rank, keep, asked.threads)
                found.setdefault((keep, tokens, rank), []).append(taken)
    for keep in (False, True):
        print("memory kept" if keep else "as it comes")
        for what in Cost._fields:
            short, second, long = (
                min(getattr(each, what) for each in found[keep, tokens, rank])
                for tokens, rank in cases
            )
            unit = "MiB" if what == "peak" else "ms"
            print(f"  {what:<10}{short:>8.1f}{second:>8.1f}{long:>8.1f} {unit}", end="")
            print(f"  rank 2 over 1: {second / short:.2f}, 16K over 2K tokens: {long / short:.1f}")


if __name__ == "__main__":
    main()
