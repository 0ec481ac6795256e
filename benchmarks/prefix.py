"""Prefix-scannable models: what the static scan saves, and what decoding costs by context.

Four parts, all on this machine's CPU, figures as JSON:

    scan      4,096 leaves of one row, softmax aggregator: `prefix_scan` against the streaming
              program, leaf by leaf, which has the same brackets and so the same numbers
    memory    bytes of a decoding state after 1K, 8K and 64K tokens
    decode    milliseconds a token and bytes of state at contexts to 40,000, mixer by mixer
    train     milliseconds of forward and backward by length

    python benchmarks/prefix.py [--parts scan memory decode train] [--json FILE] [--figure FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

import seqzoo
from scanning.machine import describe_machine, describe_run
from seqzoo.model import Mixer
from seqzoo.operators import State
from seqzoo.scan import PrefixCounter, prefix_scan

WIDTH = 64
LEAVES = 4096
WANTED = 8.0
MEMORY_CONTEXTS = (1024, 8192, 65536)
DECODE_CONTEXTS = (1000, 5000, 10_000, 20_000, 40_000)
TRAIN_LENGTHS = (512, 1024, 2048, 4096)
STEPS = 256
MIXERS: dict[str, Any] = {
    "attention": {"type": "attention", "heads": 2},
    "attention, window 64": {"type": "attention", "heads": 2, "window": 64},
    "mamba2": "mamba2",
    "gated_deltanet": "gated_deltanet",
    "prism": "prism",
    "ttt-linear": "ttt-linear",
    "transformer_psm": {"type": "transformer_psm", "chunk": 16},
}


def normal(*shape: int) -> Tensor:
    """Standard normal numbers of one seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def mixers() -> dict[str, Mixer]:
    """Those of `MIXERS` that are installed, each of one seed."""
    registry, built = seqzoo.load_registry(), {}
    for label, spec in MIXERS.items():
        name = spec if isinstance(spec, str) else spec["type"]
        if name in registry.names("mixer"):
            torch.manual_seed(0)
            built[label] = seqzoo.build_mixer(spec, WIDTH, registry).eval()
        else:
            print(f"{label}: not installed, left out")
    return built


def seconds(function: Callable[[], object]) -> float:
    """Of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def measure_scan(rounds: int) -> dict[str, Any]:
    """Static against streamed, in turns."""
    torch.manual_seed(0)
    spec = {"type": "transformer_psm", "chunk": 1}
    mixer: Any = seqzoo.build_mixer(spec, WIDTH)
    aggregator, leaves = mixer.aggregator, normal(1, LEAVES, 1, WIDTH)
    found: dict[str, Tensor] = {}

    def static() -> None:
        found["static"] = prefix_scan(aggregator, leaves)

    def streamed() -> None:
        counter = PrefixCounter(aggregator)
        found["streamed"] = torch.stack([counter.push(leaves[:, i]) for i in range(LEAVES)], 1)

    def fold() -> None:
        """A chain, which is another model: as many calls as a sequential scan needs at least."""
        prefix = leaves[:, 0]
        for i in range(1, LEAVES):
            prefix = aggregator(prefix, leaves[:, i])

    taken: dict[str, list[float]] = {"static": [], "streamed": [], "left fold": []}
    with torch.no_grad():
        static()
        for _ in range(rounds):
            for name, run in (("static", static), ("streamed", streamed), ("left fold", fold)):
                taken[name].append(seconds(run))
    median = {name: statistics.median(each) for name, each in taken.items()}
    difference = float((found["static"] - found["streamed"]).abs().max())
    return {
        "leaves": LEAVES,
        "seconds": {name: round(value, 4) for name, value in median.items()},
        "streamed_over_static": round(median["streamed"] / median["static"], 1),
        "left_fold_over_static": round(median["left fold"] / median["static"], 1),
        "wanted": WANTED,
        "largest_difference": difference,
    }


def state_bytes(state: State) -> int:
    """Of all its tensors."""
    return sum(leaf.numel() * leaf.element_size() for leaf in pytree.tree_leaves(state))


def states(mixer: Mixer, contexts: tuple[int, ...]) -> Iterator[tuple[int, State]]:
    """The state after so many tokens, each in its turn, read in pieces of at most 2,048."""
    seen, state = 0, mixer.initial_state(1)
    for context in contexts:
        while seen < context:
            piece = min(2048, context - seen)
            _, state = mixer(normal(1, piece, WIDTH), state)
            seen += piece
        yield context, state


def measure_memory() -> list[dict[str, Any]]:
    """Bytes of all tensors of the state."""
    rows = []
    for label, mixer in mixers().items():
        if label in ("transformer_psm", "attention", "gated_deltanet"):
            with torch.no_grad():
                found = {at: state_bytes(state) for at, state in states(mixer, MEMORY_CONTEXTS)}
            rows.append({"mixer": label, "bytes": found})
    return rows


def measure_decode() -> list[dict[str, Any]]:
    """Of `STEPS` steps after each context: milliseconds; and the bytes of the state before them.

    The mean is the cost of a token, since a prefix mixer combines chunks at some of them; the
    longest is the worst token's latency.
    """
    rows = []
    for label, mixer in mixers().items():
        with torch.no_grad():
            for context, state in states(mixer, DECODE_CONTEXTS):
                size, taken = state_bytes(state), []
                for token in normal(STEPS, 1, WIDTH):
                    start = time.perf_counter()
                    _, state = mixer.step(token, state)
                    taken.append(1e3 * (time.perf_counter() - start))
                rows.append(
                    {
                        "mixer": label,
                        "context": context,
                        "mean_ms": round(statistics.fmean(taken), 3),
                        "median_ms": round(statistics.median(taken), 3),
                        "longest_ms": round(max(taken), 3),
                        "bytes": size,
                    }
                )
                print(rows[-1], flush=True)
    return rows


def measure_train(rounds: int) -> list[dict[str, Any]]:
    """Forward and backward of one sequence."""
    rows = []
    for label, mixer in mixers().items():
        for length in TRAIN_LENGTHS:
            x = normal(1, length, WIDTH).requires_grad_()

            def step(mixer: Mixer = mixer, x: Tensor = x) -> None:
                mixer(x)[0].square().mean().backward()

            step()
            taken = [1e3 * seconds(step) for _ in range(rounds)]
            rows.append(
                {"mixer": label, "length": length, "median_ms": round(statistics.median(taken), 2)}
            )
            print(rows[-1], flush=True)
    return rows


def draw(result: dict[str, Any], file: Path) -> None:
    """A panel each: milliseconds a token and bytes of state by context, training by length."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = (
        ("decode", "context", "mean_ms", "tokens of context", "ms a token"),
        ("decode", "context", "bytes", "tokens of context", "bytes of state"),
        ("train", "length", "median_ms", "tokens of a sequence", "ms of forward and backward"),
    )
    panels = [panel for panel in panels if panel[0] in result]
    figure, all_axes = pyplot.subplots(
        1, len(panels), figsize=(4 * len(panels), 4), squeeze=False, layout="constrained"
    )
    for axes, (part, across, up, x_label, y_label) in zip(all_axes[0], panels, strict=True):
        for label in dict.fromkeys(row["mixer"] for row in result[part]):
            own = [row for row in result[part] if row["mixer"] == label]
            x, y = ([row[key] for row in own] for key in (across, up))
            axes.plot(x, y, marker="o", markersize=3, label=label)
        axes.set(xlabel=x_label, ylabel=y_label, yscale="log")
    handles, labels = all_axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize="small")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the figures where asked."""
    parts = ("scan", "memory", "decode", "train")
    parser = argparse.ArgumentParser(description="Prefix-scannable models on this machine.")
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--rounds", type=int, default=3, help="of the parts scan and train")
    parser.add_argument("--threads", type=int, default=2, help="torch's threads")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--figure", type=Path, help="draw the parts decode and train here")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    measures: dict[str, Callable[[], Any]] = {
        "scan": lambda: measure_scan(options.rounds),
        "memory": measure_memory,
        "decode": measure_decode,
        "train": lambda: measure_train(options.rounds),
    }
    result: dict[str, Any] = {
        "machine": describe_machine(torch.device("cpu")),
        "run": describe_run(),
    }
    for part in options.parts:
        result[part] = measures[part]()
        print(json.dumps({part: result[part]}, indent=2))
    if options.figure and {"decode", "train"} & set(result):
        draw(result, options.figure)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
