"""Heads that share keys against the same keys written out for every head.

    python benchmarks/grouped_heads.py [--rule decay | delta] [--repeats 5] [--threads 2]

decay: Mamba-2's shape, (B, T, H, K, V) = (2, 2048, 16, 64, 64) with one key head, a decay per head
delta: the gated delta rule, (2, 2048, 8, 64, 64) with two key heads, as Qwen3-Next shares its keys

One write a token, float32, forward and backward on the CPU. Times are taken in turns, and the
smallest of each counts. Peak memory is that of a fresh process beyond its inputs, given once;
written out, the keys belong to the work.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable

import torch

from seqzoo.bench.memory import peak_of_process
from seqzoo.scan import Erase, Transition, Writes, scan

BATCH, TIME, SIZE = 2, 2048, 64
HEADS = {"decay": (16, 1), "delta": (8, 2)}  # of values, of keys


def work(rule: str, expanded: bool) -> Callable[[], None]:
    """Forward and backward; expanded: the keys of every head are written out first."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(BATCH, TIME, *shape, generator=generator)

    heads, key_heads = HEADS[rule]
    queries, keys = draw(key_heads, SIZE) / SIZE**0.5, draw(1, key_heads, SIZE) / SIZE**0.5
    values, log_decay = draw(1, heads, SIZE), -draw(heads).exp() / 10
    strength = draw(heads).sigmoid()
    given = (queries, keys, values, log_decay, *([strength] if rule == "delta" else []))
    leaves = [tensor.requires_grad_() for tensor in given]
    erase = Erase(strength=strength) if rule == "delta" else None
    cotangent = draw(heads, SIZE)

    def run() -> None:
        q, k = queries, keys
        if expanded:
            sharing = heads // key_heads
            q, k = q.repeat_interleave(sharing, dim=2), k.repeat_interleave(sharing, dim=3)
        transition = Transition(log_decay, erase)
        outputs = scan(q, transition, Writes(k, values), backend="chunked").outputs
        torch.autograd.grad(outputs, leaves, cotangent)

    return run


def seconds(function: Callable[[], None]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def peak(rule: str, expanded: bool, threads: int) -> int:
    """Bytes of a fresh process's highest resident memory, beyond what it held before the work."""
    options = ["--rule", rule, "--threads", str(threads), "--peak-of", str(int(expanded))]
    command = [sys.executable, __file__, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rule", choices=HEADS, default="decay")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peak-of", type=int, default=None, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.peak_of is not None:
        print(peak_of_process(work(asked.rule, bool(asked.peak_of))))
        return
    functions = {expanded: work(asked.rule, expanded) for expanded in (False, True)}
    times: dict[bool, list[float]] = {False: [], True: []}
    for repeat in range(asked.repeats + 1):
        for expanded, function in functions.items():
            taken = seconds(function)
            if repeat:  # the first warms up
                times[expanded].append(taken)
    grouped, written_out = min(times[False]), min(times[True])
    print(f"grouped {grouped:.3f} s, written out {written_out:.3f} s")
    print(f"speed: {written_out / grouped:.2f} times as fast")
    peaks = {expanded: peak(asked.rule, expanded, asked.threads) for expanded in (False, True)}
    print(f"grouped {peaks[False] / 2**20:.0f} MiB, written out {peaks[True] / 2**20:.0f} MiB")
    print(f"memory: {peaks[False] / peaks[True]:.2f} of the peak")


if __name__ == "__main__":
    main()
