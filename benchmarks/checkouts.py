"""Two checkouts of seqzoo in turns: training steps of the probing models, and scans.

    git worktree add ../before COMMIT
    python benchmarks/checkouts.py ../before . [--pairs N] [--rounds N] [--threads N] [--json F]

A pair of processes, one a checkout, takes turns in each case; the ratio of a pair is the median
over its rounds. Where a process's memory lies and how its threads meet stays as it is while it
lives, and may be worth some percent, so there are several pairs: what counts is the median of their
ratios, beside the lowest and the highest. Below 1, the second checkout is faster.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import torch
from probing_step import SIZES, training_step
from torch.nn import functional as F

import seqzoo
from scanning.machine import describe_machine, describe_run
from seqzoo.scan import Erase, Transition, Writes, scan
from seqzoo.train.allocator import keep_freed_memory
from seqzoo.train.sources import commit_of

STEPS = {"prism step, width 16": "logic", "prism step, width 128": "memory"}
"""The sizes' names in `probing_step.py`."""

SCANS = {
    "gated delta rule, 1 x 2048 x 4 x 64": (1, 2048, 4, 64, 1),
    "rank 2, 1 x 2048 x 4 x 64": (1, 2048, 4, 64, 2),
    "rank 2, 8 x 256 x 4 x 32": (8, 256, 4, 32, 2),
}
"""B, T, H, K = V, R; forward and backward."""

PLUGINS = ("gla", "prism", "psm", "ttt")
Work: TypeAlias = Callable[[], object]


def serve(cases: list[str], threads: int) -> None:
    """A worker: for each line `case<tab>repeats`, the median seconds of so many runs of it."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    work = {case: _step(STEPS[case]) if case in STEPS else _scan(*SCANS[case]) for case in cases}
    for each in work.values():
        each()
    print("ready", flush=True)
    for line in sys.stdin:
        case, repeats = line.rstrip("\n").split("\t")
        print(statistics.median(_seconds(work[case]) for _ in range(int(repeats))), flush=True)


def _seconds(work: Work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _step(size: str) -> Work:
    """A training step of `probing_step.py`, in this file's version, on the checkout's seqzoo."""
    registry = seqzoo.load_registry()
    sizes = SIZES[size]
    task = registry.spec("task", {"type": "parity", "length": sizes["length"]}).build()
    return training_step(registry, "prism", sizes["width"], task)


def _scan(batch: int, time: int, heads: int, size: int, rank: int) -> Work:
    """A scan with a decay a head and an erase along its first key."""
    torch.manual_seed(0)
    queries = torch.randn(batch, time, heads, size)
    keys = F.normalize(torch.randn(batch, time, rank, heads, size), dim=-1)
    values = torch.randn(batch, time, rank, heads, size)
    strengths, decay = torch.rand(batch, time, rank, heads), -torch.rand(batch, time, heads)
    for tensor in (queries, keys, values, strengths, decay):
        tensor.requires_grad_()

    def run() -> None:
        transition = Transition(decay, Erase(strength=strengths[:, :, 0]))
        scan(queries, transition, Writes(keys, values, strengths))[0].sum().backward()

    return run


class Worker:
    """A process that runs the cases with the code of a checkout."""

    def __init__(self, checkout: Path, cases: list[str], threads: int) -> None:
        root = checkout.resolve()
        paths = [str(root), *(str(root / "plugins" / name) for name in PLUGINS)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        command = [sys.executable, __file__, "--serve", str(threads), *cases]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, cwd=root, env=environment, stdin=pipe, stdout=pipe, text=True
        )
        if self._answer() != "ready":
            self.stop()
            raise SystemExit(f"{checkout}: the cases do not run with this checkout")

    def seconds(self, case: str, repeats: int) -> float:
        """Of one run of a case: the median of several."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{case}\t{repeats}\n")
        self.process.stdin.flush()
        return float(self._answer())

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def stop(self) -> None:
        """End the process."""
        self.process.communicate()


def compare(
    checkouts: tuple[Path, Path], cases: list[str], pairs: int, rounds: int, threads: int
) -> list[dict[str, Any]]:
    """A row for each case: milliseconds of both, and the ratio of each pair."""
    found: dict[str, list[list[tuple[float, float]]]] = {case: [] for case in cases}
    for _ in range(pairs):
        workers = [Worker(checkout, cases, threads) for checkout in checkouts]
        for case in cases:
            repeats = max(5, round(0.1 / workers[0].seconds(case, 3)))  # the first ones start cold
            turns = []
            for turn in range(rounds):
                order = (0, 1) if turn % 2 else (1, 0)
                seconds = {index: workers[index].seconds(case, repeats) for index in order}
                turns.append((seconds[0], seconds[1]))
            found[case].append(turns)
        for worker in workers:
            worker.stop()
    return [_row(case, turns) for case, turns in found.items()]


def _row(case: str, pairs: list[list[tuple[float, float]]]) -> dict[str, Any]:
    ratios = sorted(statistics.median(b / a for a, b in turns) for turns in pairs)
    first, second = (
        round(1e3 * statistics.median(turn[side] for turns in pairs for turn in turns), 2)
        for side in (0, 1)
    )
    return {
        "case": case,
        "first_ms": first,
        "second_ms": second,
        "ratio": round(statistics.median(ratios), 3),
        "pairs": [round(ratio, 3) for ratio in ratios],
    }


def main(arguments: list[str] | None = None) -> None:
    """Compare, print, and write the figures where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    cases = [*STEPS, *SCANS]
    parser.add_argument("first", type=Path, help="a checkout")
    parser.add_argument("second", type=Path, help="another")
    parser.add_argument("--cases", nargs="+", choices=cases, default=cases, metavar="CASE")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of processes")
    parser.add_argument("--rounds", type=int, default=8, help="turns of a pair in each case")
    parser.add_argument("--threads", type=int, default=2, help="torch's threads")
    parser.add_argument("--json", type=Path, help="write the figures here")
    given = parser.parse_args(arguments)
    checkouts = given.first, given.second
    rows = compare(checkouts, given.cases, given.pairs, given.rounds, given.threads)
    for row in rows:
        low, high = row["pairs"][0], row["pairs"][-1]
        print(
            f"{row['case']:<38}{row['first_ms']:9.2f} ms{row['second_ms']:9.2f} ms"
            f"   second / first {row['ratio']:.3f}  ({low:.3f} to {high:.3f})"
        )
    if given.json:
        commits = [commit_of(checkout) for checkout in checkouts]
        figures = {
            "machine": describe_machine(torch.device("cpu")),
            "run": {**describe_run(), "threads": given.threads},
            "checkouts": [commit and commit.model_dump() for commit in commits],
            "rows": rows,
        }
        given.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[3:], int(sys.argv[2]))
    else:
        main()
