"""The time of every kernel of a scan on this machine's GPU, beside what the model predicts.

    python benchmarks/kernel_times.py [--problem gla ...] [--shape B,T,H,K,V] [--json FILE]

A problem that the file already holds is not measured again; rows are written after each problem.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from seqzoo.files import write_whole
from seqzoo.scan.triton.aot.cost import PROBLEMS, KernelCost, Shape, case_of, costs
from seqzoo.scan.triton.aot.gpu_model import GPUS
from seqzoo.scan.triton.architecture import architecture_of
from seqzoo.scan.triton.launch import watch_launches

ASKED = ("gated-delta", "prism-2", "decay", "gla", "kda")
Row = dict[str, Any]
Timer = Callable[[Callable[[], None]], float]
"""Milliseconds that a start takes."""


def measure(problem: str, shape: Shape, device: torch.device, timer: Timer) -> list[Row]:
    """One row per kernel, in the order in which they start; `ms` is all its starts of the pass."""
    case = case_of(problem, shape)
    tensors = case.tensors(device)
    if "log_decay" in tensors:
        tensors = {**tensors, "log_decay": _of_tens_of_tokens(tensors["log_decay"])}
    rows: list[Row] = []
    for direction, run in (("forward", case.forward), ("backward", case.backward)):
        times: dict[str, float] = {}

        def watch(name: str, start: Callable[[], None], times: dict[str, float] = times) -> None:
            start()
            times[name] = times.get(name, 0.0) + timer(start)

        with watch_launches(watch):
            run(tensors)
        rows += [
            {"problem": problem, "direction": direction, "kernel": name, "ms": round(ms, 4)}
            for name, ms in times.items()
        ]
    return rows


def beside_the_model(rows: Sequence[Row], predicted: Sequence[KernelCost]) -> list[Row]:
    """The rows with the predicted time, and the ratio of the measured to the predicted."""
    known = {(row.direction, row.kernel): row for row in predicted}
    found = []
    for row in rows:
        cost = known.get((row["direction"], row["kernel"]))
        if cost is None:
            found.append(row)
            continue
        ms = 1e3 * cost.seconds
        beside = {"config": cost.config, "predicted_ms": round(ms, 4)}
        found.append(row | beside | {"over_predicted": round(row["ms"] / ms, 3)})
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """2 without a GPU."""
    parser = argparse.ArgumentParser(description="Every kernel's time beside the model's.")
    parser.add_argument("--problem", action="append", choices=list(PROBLEMS), dest="problems")
    parser.add_argument("--shape", default="1,8192,96,128,128", help="B,T,H,K,V")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args(argv)
    if not torch.cuda.is_available():
        print("torch sees no GPU here; seqzoo kernels --cost counts without one", file=sys.stderr)
        return 2
    from triton.testing import do_bench

    def timer(start: Callable[[], None]) -> float:
        milliseconds: Any = do_bench(start, warmup=10, rep=50, return_mode="median")
        return milliseconds

    device = torch.device("cuda", torch.cuda.current_device())
    name, target = torch.cuda.get_device_name(device), architecture_of(device)
    shape = Shape(*map(int, options.shape.split(",")))
    head = {"gpu": name, "torch": torch.__version__, "shape": asdict(shape)}
    rows = _earlier(options.json, head)
    for problem in options.problems or ASKED:
        if any(row["problem"] == problem for row in rows):
            print(f"{problem}: measured in an earlier call")
            continue
        predicted = costs(target, problem, shape) if target in GPUS else []
        found = beside_the_model(measure(problem, shape, device, timer), predicted)
        rows += found
        for row in found:
            model = f", model {row['predicted_ms']:.3f}" if "predicted_ms" in row else ""
            print(f"{problem:12} {row['direction']:9} {row['kernel']:28} {row['ms']:.3f} ms{model}")
        if options.json is not None:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            write_whole(options.json, json.dumps(head | {"rows": rows}, indent=1) + "\n")
    return 0


def _of_tens_of_tokens(log_decay: Tensor) -> Tensor:
    """Decays as in real layers, instead of a case's deliberately hard ones."""
    return F.logsigmoid(torch.randn_like(log_decay)) / 16


def _earlier(path: Path | None, head: Row) -> list[Row]:
    if path is None or not path.is_file():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    return found["rows"] if {name: found.get(name) for name in head} == head else []


if __name__ == "__main__":
    sys.exit(main())
