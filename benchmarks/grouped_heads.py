"""Mamba-2's shape with one group of keys against the same keys written out for every head.

    python benchmarks/grouped_heads.py [--repeats 5] [--threads 2]

(B, T, H, K, V) = (2, 2048, 16, 64, 64), one write a token, a decay per head, float32, forward and
backward on the CPU. Times are taken in turns, and the smallest of each counts. Peak memory is that
of a fresh process beyond its inputs, given once; written out, the keys belong to the work.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from seqzoo.scan import Transition, Writes, scan

BATCH, TIME, HEADS, SIZE = 2, 2048, 16, 64


def work(expanded: bool) -> Callable[[], None]:
    """Forward and backward; expanded: the keys of every head are written out first."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(BATCH, TIME, *shape, generator=generator)

    queries, keys = draw(1, SIZE) / SIZE**0.5, draw(1, 1, SIZE) / SIZE**0.5
    values, log_decay = draw(1, HEADS, SIZE), -draw(HEADS).exp() / 10
    leaves = [tensor.requires_grad_() for tensor in (queries, keys, values, log_decay)]
    cotangent = draw(HEADS, SIZE)

    def run() -> None:
        q, k = queries, keys
        if expanded:
            q, k = q.repeat_interleave(HEADS, dim=2), k.repeat_interleave(HEADS, dim=3)
        outputs = scan(q, Transition(log_decay), Writes(k, values), backend="chunked").outputs
        torch.autograd.grad(outputs, leaves, cotangent)

    return run


def seconds(function: Callable[[], None]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def peak(expanded: bool, threads: int) -> int:
    """Bytes of a fresh process's highest resident memory, beyond what it held before the work."""
    command = [sys.executable, __file__, "--threads", str(threads), "--peak-of", str(int(expanded))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


def own_peak(expanded: bool) -> int:
    function, status = work(expanded), Path("/proc/self/status")

    def resident(field: str) -> int:
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith(field))

    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    function()
    return resident("VmHWM") - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peak-of", type=int, default=None, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.peak_of is not None:
        print(own_peak(bool(asked.peak_of)))
        return
    functions = {expanded: work(expanded) for expanded in (False, True)}
    times: dict[bool, list[float]] = {False: [], True: []}
    for repeat in range(asked.repeats + 1):
        for expanded, function in functions.items():
            taken = seconds(function)
            if repeat:  # the first warms up
                times[expanded].append(taken)
    grouped, written_out = min(times[False]), min(times[True])
    print(f"grouped {grouped:.3f} s, written out {written_out:.3f} s")
    print(f"speed: {written_out / grouped:.2f} times as fast")
    peaks = {expanded: peak(expanded, asked.threads) for expanded in (False, True)}
    print(f"grouped {peaks[False] / 2**20:.0f} MiB, written out {peaks[True] / 2**20:.0f} MiB")
    print(f"memory: {peaks[False] / peaks[True]:.2f} of the peak")


if __name__ == "__main__":
    main()
