"""One training step of the probing models on this machine, against a token-materialising peer.

The peer computes its state as the paper's released probing mixers do: the outer products of all
tokens are laid out and summed along time, (B, T, H, V, K) numbers per layer. It is reimplemented
here, for PRISM without a forget, which is all that such a sum can express. All run in one process
in turns, and the medians are compared; those of `prism` with two refinement steps and with one too.

    python benchmarks/probing_step.py [--json FILE] [--rounds N] [--threads N]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from scanning.machine import describe_machine, describe_run
from seqzoo.model import build_model
from seqzoo.registry import Origin, Registry
from seqzoo.scan import ScanProblem, ScanResult
from seqzoo.scan.part import ScanPart
from seqzoo.tasks import Task
from seqzoo.train.allocator import keep_freed_memory

SIZES = {"logic": {"width": 16, "length": 128}, "memory": {"width": 128, "length": 64}}
BATCH_SIZE = 32

# Milliseconds of one step of the paper's released probing mixers (PRISM, two layers, batch 32),
# measured once on two cores of an x86-64 server, and the factor by which this project means to beat
# them. The released mixers do not forget (their state is a plain sum), so like for like is "prism
# without forget"; "prism" is Eqs. 9-18, with decay and erase, which a plain sum cannot express.
PUBLISHED = {"logic": (39.0, 2.5), "memory": (1900.0, 20.0)}


class MaterialisingBackend:
    """S_t of every token at once: the cumulative sum of all outer products."""

    name = "materialising"

    def supports(self, problem: ScanProblem) -> str | None:
        """Only the identity transition, since nothing decays in a plain sum."""
        transition = problem.transition
        plain = transition.log_decay is None and transition.erase is None
        return None if plain else "a cumulative sum cannot forget"

    def scan(self, problem: ScanProblem) -> ScanResult:
        """o_t = S_t q_t with S (B, T, H, V, K) laid out in full."""
        writes = problem.writes
        values = writes.values
        if writes.strengths is not None:
            values = values * writes.strengths.unsqueeze(-1)
        outer = torch.einsum("btrhv,btrhk->bthvk", values, writes.keys)
        states = outer.cumsum(dim=1) + problem.initial_state().unsqueeze(1)
        outputs = torch.einsum("bthvk,bthk->bthv", states, problem.queries) * problem.scale
        return ScanResult(outputs, states[:, -1])

    def step(self, problem: ScanProblem) -> ScanResult:
        """Not measured here."""
        raise NotImplementedError


class MaterialisingScan(ScanPart):
    """The peer as a part."""

    name = "materialising"
    backend = MaterialisingBackend()


def training_step(registry: Registry, mixer: Any, width: int, task: Task) -> Callable[[], float]:
    """A function that does one step on a fresh batch and returns its seconds."""
    torch.manual_seed(0)
    spec = {
        "width": width,
        "layers": 2,
        "mixer": mixer,
        "mlp": {"type": "mlp", "ratio": 4, "activation": "gelu"},
        "norm": "layer_norm",
    }
    model = build_model(spec, registry, vocab_size=task.vocab_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4, fused=True)
    batch = task.train_batch(BATCH_SIZE, 0, 0)
    positions, labels = batch.labelled()

    def step() -> float:
        start = time.perf_counter()
        hidden, _ = model.hidden(batch.tokens, positions=positions)
        loss: Tensor = F.cross_entropy(model.logits(hidden), labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        return time.perf_counter() - start

    return step


def measure(rounds: int) -> list[dict[str, Any]]:
    """Medians in milliseconds, size by size."""
    registry = seqzoo.load_registry()
    registry.add(MaterialisingScan, Origin("benchmarks", "benchmarks", "0"))
    rows = []
    for size, sizes in SIZES.items():
        task = registry.spec("task", {"type": "parity", "length": sizes["length"]}).build()
        plain = {"type": "prism", "forget": "none"}
        steps = {
            "prism": training_step(registry, "prism", sizes["width"], task),
            "prism, one step": training_step(registry, "prism-depth1", sizes["width"], task),
            "prism without forget": training_step(registry, plain, sizes["width"], task),
            "materialising peer": training_step(
                registry, {**plain, "scan": "materialising"}, sizes["width"], task
            ),
        }
        seconds: dict[str, list[float]] = {name: [] for name in steps}
        for turn in range(rounds + 2):
            for name, step in steps.items():
                elapsed = step()
                if turn >= 2:
                    seconds[name].append(elapsed)
        median = {name: 1e3 * statistics.median(each) for name, each in seconds.items()}
        published, wanted = PUBLISHED[size]
        rows.append(
            {
                "size": size,
                **sizes,
                "batch_size": BATCH_SIZE,
                "median_ms": {name: round(value, 2) for name, value in median.items()},
                "two_steps_over_one": round(median["prism"] / median["prism, one step"], 2),
                "peer_over_prism": round(median["materialising peer"] / median["prism"], 2),
                "peer_over_prism_without_forget": round(
                    median["materialising peer"] / median["prism without forget"], 2
                ),
                "published_ms": published,
                "published_over_prism": round(published / median["prism"], 2),
                "published_over_prism_without_forget": round(
                    published / median["prism without forget"], 2
                ),
                "wanted": wanted,
            }
        )
    return rows


def main() -> None:
    """Measure, print, and write the figures where asked."""
    parser = argparse.ArgumentParser(description="One training step of the probing models.")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--rounds", type=int, default=30, help="steps measured of each")
    parser.add_argument("--threads", type=int, default=2, help="torch's threads")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()  # as `seqzoo train` and the grid's workers do
    machine = describe_machine(torch.device("cpu"))
    rows = measure(options.rounds)
    result = {"machine": machine, "run": describe_run(), "rows": rows}
    for row in result["rows"]:
        print(f"{row['size']}: width {row['width']}, length {row['length']}, batch {BATCH_SIZE}")
        for name, value in row["median_ms"].items():
            print(f"  {name:<24}{value:>10.2f} ms a step")
        print(f"  two steps / one         {row['two_steps_over_one']:>10.2f}")
        print(f"  peer / prism            {row['peer_over_prism']:>10.2f}")
        print(f"  peer / without forget   {row['peer_over_prism_without_forget']:>10.2f}")
        print(
            f"  released mixers (no forget), {row['published_ms']:.0f} ms elsewhere, "
            f"wanted {row['wanted']:g} times:"
        )
        print(f"    over without forget   {row['published_over_prism_without_forget']:>10.2f}")
        print(f"    over prism            {row['published_over_prism']:>10.2f}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
