"""What the training loop costs beyond its steps: data, logging, checks.

The loop is `seqzoo.train.train` (without evaluation and saving). The bare steps are the same model,
optimizer and clipping on one batch that lies ready, and nothing else. They take turns step by step
in one process: each time the loop asks its task for a batch, a bare step is done first, and the
time between two bare steps is the loop's. A round is 50 steps of each, and the share the median
over the rounds of loop / bare - 1, so that what else a machine does meets both alike.

    python benchmarks/training_overhead.py [--json FILE] [--rounds N] [--threads N]
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
from unittest import mock

import torch
from torch.nn import functional as F

import seqzoo
from seqzoo.model import build_model
from seqzoo.train import train
from seqzoo.train.allocator import keep_freed_memory

MIXERS = ("prism", "attention")
JUDGED = 0.05
STEPS = 50  # a round
WARM_ROUNDS = 2  # the first ones are not counted


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
            "evaluate": {"every": steps, "sequences": 32},
            "loggers": ["jsonl"],
            "device": "cpu",
        },
    }
    return seqzoo.load_registry().validate(seqzoo.RunSpec, document)


class BareStep:
    """Forward, backward, clipping and update of a model of its own, and nothing else."""

    def __init__(self, spec: seqzoo.RunSpec) -> None:
        task = spec.task.build()
        self.model = build_model(spec, vocab_size=task.vocab_size).train()
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=1e-3, weight_decay=1e-4, fused=True
        )
        self.tokens = task.train_batch(spec.train.batch_size, 0, 0).tokens
        self.positions, self.labels = task.train_batch(spec.train.batch_size, 0, 0).labelled()

    def __call__(self) -> None:
        self.optimizer.zero_grad()
        hidden, _ = self.model.hidden(self.tokens, positions=self.positions)
        F.cross_entropy(self.model.logits(hidden), self.labels).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0, foreach=True)
        self.optimizer.step()


def seconds_of_steps(spec: seqzoo.RunSpec) -> tuple[list[float], list[float]]:
    """Seconds of each bare step, and of each step of the loop, the last of the loop left out."""
    step = BareStep(spec)
    began, ended = [], []
    kind = type(spec.task.build())
    make_batch = kind.train_batch

    def after_a_bare_step(*arguments: Any) -> Any:
        began.append(time.perf_counter())
        step()
        ended.append(time.perf_counter())
        return make_batch(*arguments)

    with (
        tempfile.TemporaryDirectory() as directory,
        mock.patch.object(kind, "train_batch", after_a_bare_step),
    ):
        train(spec, directory)
    bare = [end - begin for begin, end in zip(began, ended, strict=True)]
    loop = [begin - end for end, begin in zip(ended[:-1], began[1:], strict=True)]
    return bare, loop


def measure(rounds: int) -> list[dict[str, Any]]:
    """One row a mixer."""
    rows = []
    for mixer in MIXERS:
        bare, loop = seconds_of_steps(make_spec(mixer, STEPS * (WARM_ROUNDS + rounds) + 1))
        firsts = range(STEPS * WARM_ROUNDS, len(loop), STEPS)
        pairs = [
            tuple(1e3 * statistics.mean(each[first : first + STEPS]) for each in (bare, loop))
            for first in firsts
        ]
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
    parser.add_argument("--rounds", type=int, default=40, help=f"of {STEPS} steps, of each mixer")
    parser.add_argument("--threads", type=int, default=2, help="torch's threads")
    parser.add_argument("--note", default="", help="about the machine: what else ran")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()  # as `seqzoo train` and the grid's workers do
    result = {
        "machine": machine(options.note),
        "steps": STEPS,
        "rounds": options.rounds,
        "rows": measure(options.rounds),
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
