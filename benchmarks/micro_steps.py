"""Micro-steps as `scan` runs them, against separate tokens with queries of zeros.

    python benchmarks/micro_steps.py [--repeats 5] [--threads 2]

The gated delta rule with n writes and erases a token, as DeltaProduct has them: (B, T, H, K, V) =
(1, 2048, 4, 64, 64), n = 2 and 3, a decay per head and one per key channel, float32, forward and
backward on the CPU. Written out as T n tokens, n - 1 queries in n are zeros and their outputs are
dropped. Times are taken in turns, and the smallest of each counts. Peak memory is that of a fresh
process beyond its inputs.
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

TIME, HEADS, SIZE = 2048, 4, 64
CASES = [(steps, decay) for decay in ("head", "channel") for steps in (2, 3)]


def work(steps: int, decay: str, written_out: bool) -> Callable[[], None]:
    """Forward and backward; written out: every micro-step is a token."""
    generator = torch.Generator().manual_seed(0)

    def draw(tokens: int, *shape: int) -> torch.Tensor:
        return torch.randn(1, tokens, *shape, generator=generator)

    micro = TIME * steps
    drawn = (
        draw(TIME, HEADS, SIZE),
        torch.nn.functional.normalize(draw(micro, 1, HEADS, SIZE), dim=-1),
        draw(micro, 1, HEADS, SIZE),
        -draw(micro, HEADS, *([SIZE] if decay == "channel" else [])).exp() / 10,
        draw(micro, HEADS).sigmoid(),
    )
    leaves = [tensor.requires_grad_() for tensor in drawn]
    queries, keys, values, log_decay, strength = leaves
    cotangent = draw(TIME, HEADS, SIZE)

    def run() -> None:
        transition = Transition(log_decay, Erase(strength=strength))
        if written_out:
            rows = queries.new_zeros(1, TIME, steps - 1, HEADS, SIZE)
            every = torch.cat([rows, queries.unsqueeze(2)], dim=2).flatten(1, 2)
            outputs = scan(every, transition, Writes(keys, values), backend="chunked").outputs
            outputs = outputs[:, steps - 1 :: steps]
        else:
            writes = Writes(keys, values, steps=steps)
            outputs = scan(queries, transition, writes, backend="chunked").outputs
        torch.autograd.grad(outputs, leaves, cotangent)

    return run


def seconds(function: Callable[[], None]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def peak(steps: int, decay: str, written_out: bool, threads: int) -> int:
    """Bytes of a fresh process's highest resident memory, beyond what it held before the work."""
    asked = [str(steps), decay, str(int(written_out))]
    command = [sys.executable, __file__, "--threads", str(threads), "--peak-of", *asked]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peak-of", nargs=3, default=None, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.peak_of is not None:
        steps, decay, written_out = asked.peak_of
        print(peak_of_process(work(int(steps), decay, written_out == "1")))
        return
    for steps, decay in CASES:
        functions = {written: work(steps, decay, written) for written in (False, True)}
        times: dict[bool, list[float]] = {False: [], True: []}
        for repeat in range(asked.repeats + 1):
            for written, function in functions.items():
                taken = seconds(function)
                if repeat:  # the first warms up
                    times[written].append(taken)
        ours, tokens = (1000 * min(times[written]) for written in (False, True))
        peaks = [peak(steps, decay, written, asked.threads) / 2**20 for written in (False, True)]
        print(
            f"n = {steps}, a decay per {decay}: {ours:.0f} ms and {peaks[0]:.0f} MiB; as tokens "
            f"{tokens:.0f} ms and {peaks[1]:.0f} MiB: {ours / tokens:.2f} of the time, "
            f"{peaks[0] / peaks[1]:.2f} of the peak"
        )


if __name__ == "__main__":
    main()
