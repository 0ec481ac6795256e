"""What denormal numbers cost a layer that forgets, and what taking them for zero changes.

A training step (forward and backward) of a layer that keeps 0.45 of its state at each token, the
loss at the last token alone, as in recall: the gradients of tokens some hundred places before it
are denormal. Steps with and without `seqzoo.denormals` take turns in one process; the ratio is that
of their medians. `difference` is the largest of any gradient, over the largest gradient.

    python benchmarks/denormals.py [--rounds N] [--threads N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import seqzoo
from scanning.machine import describe_machine, describe_run
from seqzoo.denormals import flushed_denormals
from seqzoo.model import build_mixer
from seqzoo.train.allocator import keep_freed_memory

MIXERS = ("gated_deltanet", "kda")
BATCH, LENGTH, WIDTH = 32, 128, 128
RATE = 1.15  # times softplus(0) = 0.69: 0.8 nats a token


def make_layer(mixer: str) -> nn.Module:
    """The layer with log decays of about -RATE * softplus(0) at every token."""
    torch.manual_seed(0)
    layer = build_mixer(mixer, WIDTH, seqzoo.load_registry())
    decay = dict(layer.get_submodule("forget.decay").named_parameters())
    bias = next(each for name, each in decay.items() if name.endswith("bias"))
    with torch.no_grad():
        decay["log_rate"].fill_(math.log(RATE))
        bias.zero_()
    return layer


def gradients(layer: nn.Module, x: Tensor, inside: AbstractContextManager[None]) -> list[Tensor]:
    """Those of a loss, by parameter."""
    with inside:
        y, _ = layer(x)
        return list(torch.autograd.grad(y[:, -1].square().mean(), list(layer.parameters())))


def measure(mixer: str, rounds: int) -> dict[str, Any]:
    """One row."""
    layer, x = make_layer(mixer), torch.randn(BATCH, LENGTH, WIDTH)
    times: dict[str, list[float]] = {"kept": [], "flushed": []}
    found: dict[str, list[Tensor]] = {}
    for count in range(rounds + 1):
        for name, inside in (("kept", nullcontext()), ("flushed", flushed_denormals())):
            began = time.perf_counter()
            found[name] = gradients(layer, x, inside)
            if count:  # the first is to warm up
                times[name].append(1e3 * (time.perf_counter() - began))
    pairs = list(zip(found["kept"], found["flushed"], strict=True))
    largest = max(float(kept.abs().max()) for kept, _ in pairs)
    difference = max(float((kept - flushed).abs().max()) for kept, flushed in pairs)
    kept, flushed = (statistics.median(times[name]) for name in times)
    return {
        "mixer": mixer,
        "batch": BATCH,
        "length": LENGTH,
        "width": WIDTH,
        "kept_ms": kept,
        "flushed_ms": flushed,
        "ratio": kept / flushed,
        "difference": difference / largest,
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="where the rows are kept")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads)
    keep_freed_memory()
    # Threads that torch starts keep the mode of the thread that starts them: none is started yet.
    rows = [measure(mixer, asked.rounds) for mixer in MIXERS]
    for row in rows:
        print(
            f"{row['mixer']:16s} denormals kept {row['kept_ms']:8.1f} ms, taken for zero "
            f"{row['flushed_ms']:6.1f} ms, ratio {row['ratio']:5.2f}, "
            f"difference {row['difference']:.1e}"
        )
    if asked.json:
        machine = describe_machine(torch.device("cpu"))
        record = {"machine": machine, "run": describe_run(), "rows": rows}
        asked.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
