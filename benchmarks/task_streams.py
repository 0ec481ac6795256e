"""How fast the tasks draw their sequences, and how many test sequences training meets by chance.

The rate is that of training batches of 32 on one core. The count is over whole runs: every training
sequence of 10,000 steps of 32 against the test set, by the bytes of its tokens.

    python benchmarks/task_streams.py [--json FILE] [--steps N] [--task NAME]...
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

import seqzoo
from scanning.machine import describe_machine, describe_run
from seqzoo.tasks import Task

BATCH_SIZE = 32


def digests(tokens: torch.Tensor) -> Iterable[bytes]:
    return (hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in tokens.numpy())


def rate(task: Task, seconds: float = 0.5) -> float:
    """Tokens a second of `train_batch`."""
    task.train_batch(BATCH_SIZE, 0, 0)
    tokens = step = 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        tokens += task.train_batch(BATCH_SIZE, 0, step).tokens.numel()
        step += 1
    return tokens / (time.perf_counter() - began)


def met(task: Task, steps: int) -> tuple[int, int]:
    """Test sequences, and those of them that occur in so many training steps of seed 0."""
    test: set[bytes] = set()
    count = 0
    for batch in task.test_batches(1024):
        count += len(batch.tokens)
        test.update(digests(batch.tokens[:, : task.length]))  # longer tests begin like training
    found: set[bytes] = set()
    for step in range(steps):
        found.update(test.intersection(digests(task.train_batch(BATCH_SIZE, 0, step).tokens)))
    return count, len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description="Rates and overlaps of the tasks.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--task", action="append")
    options = parser.parse_args()
    torch.set_num_threads(1)
    registry = seqzoo.load_registry()
    rows: list[dict[str, Any]] = []
    for name in options.task or registry.names("task"):
        part = registry.part("task", name)
        if part is not None and any(
            field.is_required() for field in part.Spec.model_fields.values()
        ):
            continue  # it reads a file
        task = registry.spec("task", name).build()
        speed = rate(task)
        test, found = met(task, options.steps)
        rows.append(
            {
                "task": name,
                "length": task.length,
                "vocab_size": task.vocab_size,
                "tokens_per_s": round(speed),
                "test_sequences": test,
                "in_training": found,
            }
        )
        print(
            f"{name:<24} {speed / 1e6:6.1f} M tokens/s; {found} of {test:,} test sequences in "
            f"{options.steps * BATCH_SIZE:,} training sequences",
            flush=True,
        )
    if options.json:
        facts = {
            "machine": describe_machine(torch.device("cpu")) | describe_run(),
            "steps": options.steps,
            "batch_size": BATCH_SIZE,
            "rows": rows,
        }
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()
