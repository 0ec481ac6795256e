"""What `scan` costs a plain script under glibc's defaults, and where freed memory is kept.

    python benchmarks/default_allocator.py [--repeats 3]

Two ratios, for forward and backward of the gated delta rule in float32 at (B, H, D) = (1, 4, 64):
rank 2 over rank 1 at 2,048 tokens, and 16,384 over 2,048 tokens at rank 1. Each in a fresh process
with one thread, once as it comes and once with glibc told to keep what is freed, as `seqzoo train`
tells it. What counts is the processor's time, the kernel's for fresh pages included, which a busy
machine hardly changes; of the repeats the smallest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

import torch

from seqzoo.scan import Erase, Transition, Writes, scan

HEADS, SIZE = 4, 64
KEEP = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}


def seconds(tokens: int, rank: int) -> float:
    """Processor time of one forward and backward."""
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

    run()
    start, calls = time.process_time(), 0
    while calls < 3 or time.process_time() - start < 0.5:
        run()
        calls += 1
    return (time.process_time() - start) / calls


def in_own_process(tokens: int, rank: int, keep: bool) -> float:
    environment = os.environ | (KEEP if keep else {}) | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--one", str(tokens), str(rank)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", type=int, nargs=2, default=None, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one is not None:
        print(seconds(*asked.one))
        return
    cases = ((2048, 1), (2048, 2), (16384, 1))
    found: dict[tuple[bool, int, int], list[float]] = {}
    for _ in range(asked.repeats):
        for keep in (False, True):
            for tokens, rank in cases:
                taken = in_own_process(tokens, rank, keep)
                found.setdefault((keep, tokens, rank), []).append(taken)
    for keep in (False, True):
        short, second, long = (min(found[keep, tokens, rank]) for tokens, rank in cases)
        name = "memory kept" if keep else "as it comes"
        print(f"{name}: {1000 * short:.1f}, {1000 * second:.1f}, {1000 * long:.1f} ms;", end=" ")
        print(f"rank 2 over 1: {second / short:.2f}, 16K over 2K tokens: {long / short:.1f}")


if __name__ == "__main__":
    main()
