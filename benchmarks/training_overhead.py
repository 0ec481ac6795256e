"""What the training loop costs beyond its steps: data, logging, checks.

The loop is `seqzoo.train.train`, its seconds as its record counts them (without evaluation and
saving). The bare steps are the same model, optimizer and clipping on one batch that lies ready, and
nothing else. Both do the same number of steps from a fresh model, turn and turn about in one
process; the share is the median over the rounds of loop / bare - 1.

    python benchmarks/training_overhead.py [--json FILE] [--rounds N] [--steps N] [--threads N]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

import seqzoo
from seqzoo.model import build_model
from seqzoo.train import train
from seqzoo.train.allocator import keep_freed_memory

MIXERS = ("prism", "attention")
JUDGED = 0.05


def make_spec(mixer: str, steps: int) -> seqzoo.RunSpec:
    """A probing run: width 16, length 128, batch 32, two blocks."""
    document = {
        "model": {
            "width": 16,
            "layers": 2,
            "mixer": mixer,
            "mlp": {"ratio": 4, "activation": "gelu"},
            "norm": "layer_norm",
        },
        "task": {"type": "local_xor", "length": 128, "vocab_size": 32},
        "train": {
            "steps": steps,
            "batch_size": 32,
            "optimizer": {"type": "adamw", "lr": 1e-3, "weight_decay": 1e-4},
            "clip": 5.0,
            "evaluate": {"every": steps, "batches": 1},
            "loggers": ["jsonl"],
            "device": "cpu",
        },
    }
    return seqzoo.load_registry().validate(seqzoo.RunSpec, document)


def bare_ms(spec: seqzoo.RunSpec) -> float:
    """Milliseconds a step of forward, backward, clipping and update alone."""
    torch.manual_seed(0)
    task = spec.task.build()
    model = build_model(spec, vocab_size=task.vocab_size).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4, fused=True)
    batch = task.train_batch(spec.train.batch_size, 0, 0)
    positions, labels = batch.labelled()
    start = time.perf_counter()
    for _ in range(spec.train.steps):
        optimizer.zero_grad()
        hidden, _ = model.hidden(batch.tokens, positions=positions)
        F.cross_entropy(model.logits(hidden), labels).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0, foreach=True)
        optimizer.step()
    return 1e3 * (time.perf_counter() - start) / spec.train.steps


def loop_ms(spec: seqzoo.RunSpec) -> float:
    """Milliseconds a step of the loop."""
    with tempfile.TemporaryDirectory() as directory:
        record = train(spec, directory)
    return 1e3 * record.timings.train_s / record.steps


def measure(steps: int, rounds: int) -> list[dict[str, Any]]:
    """One row a mixer."""
    rows = []
    for mixer in MIXERS:
        spec = make_spec(mixer, steps)
        pairs = [(bare_ms(spec), loop_ms(spec)) for _ in range(rounds + 1)][1:]
        shares = [loop / bare - 1 for bare, loop in pairs]
        rows.append(
            {
                "mixer": mixer,
                "width": 16,
                "length": 128,
                "batch_size": 32,
                "bare_ms": round(statistics.median(bare for bare, _ in pairs), 2),
                "loop_ms": round(statistics.median(loop for _, loop in pairs), 2),
                "overhead": round(statistics.median(shares), 4),
                "quartiles": [round(each, 4) for each in statistics.quantiles(shares, n=4)[::2]],
                "judged": JUDGED,
            }
        )
    return rows


def machine(note: str) -> dict[str, Any]:
    """What the figures were measured on."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": len(names),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
        "note": note,
    }


def main() -> None:
    """Measure, print, and write the figures where asked."""
    parser = argparse.ArgumentParser(description="What the training loop costs beyond its steps.")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--rounds", type=int, default=9, help="pairs measured of each mixer")
    parser.add_argument("--steps", type=int, default=200, help="steps a measurement")
    parser.add_argument("--threads", type=int, default=2, help="torch's threads")
    parser.add_argument("--note", default="", help="about the machine: what else ran")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()  # as `seqzoo train` and the grid's workers do
    result = {
        "machine": machine(options.note),
        "steps": options.steps,
        "rounds": options.rounds,
        "rows": measure(options.steps, options.rounds),
    }
    for row in result["rows"]:
        low, high = row["quartiles"]
        print(
            f"{row['mixer']:<12}{row['bare_ms']:>8.2f} ms a bare step{row['loop_ms']:>8.2f} ms in "
            f"the loop{100 * row['overhead']:>+7.1f} % ({100 * low:+.1f} to {100 * high:+.1f}), "
            f"judged at {100 * JUDGED:.0f} %"
        )
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
