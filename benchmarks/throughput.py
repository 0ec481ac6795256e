"""Tokens a second in training against length, tokens a step constant: the PRISM paper's Figure 2.

At the paper's size each model has about 0.13B parameters (width 768, 12 layers, a tied vocabulary
of 32,000) and lengths go from 2K to 16K; that wants a GPU. On a CPU the default is a scaled-down
size, which shows how times grow and nothing about the paper's numbers. Mixers that are not
installed are left out, and named.

    python benchmarks/throughput.py [--size paper|small] [--device cuda] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

import seqzoo
from scanning.machine import describe_machine
from seqzoo.files import write_whole
from seqzoo.model import build_model
from seqzoo.spec.model import ModelSpec

PAPER = (  # tokens/s at 2K and at 16K on one H20, as published (Figure 2 and its text)
    "published at 0.13B on one H20: PRISM 61K to 57K; Gated DeltaNet, GLA, Mamba-2 and MoM 55K to\n"
    "65K; Transformer++ 71K at 2K and 3.8 times less at 16K; TTT, token by token, 0.34K"
)
MIXERS: dict[str, Any] = {
    "attention": "attention",
    "gated_deltanet": "gated_deltanet",
    "linear_attention": "linear_attention",
    "gla": "gla",
    "mamba2": "mamba2",
    "mom": "mom",
    "prism": "prism",
    "prism-mom": "prism-mom",
    "prism-lm": "prism-lm",
    "ttt-linear, chunked": {"type": "ttt-linear", "backend": "chunked"},
    "ttt-linear, serial": {"type": "ttt-linear", "mini_batch": 1, "backend": "reference"},
}
"""A row's label and its mixer; any registered mixer is measured by its name. TTT stands here twice:
in the dual form of its mini-batches of 16, and token by token, as the paper measured it."""


@dataclass(frozen=True)
class Size:
    """A model's size, and what a step is given.

    Attributes:
        width, layers, vocabulary: of the model.
        tokens: a step, whatever the length.
        lengths: of sequences.
    """

    width: int
    layers: int
    vocabulary: int
    tokens: int
    lengths: tuple[int, ...]


SIZES = {
    "paper": Size(768, 12, 32_000, 16_384, (2_048, 4_096, 8_192, 16_384)),
    "small": Size(64, 2, 256, 2_048, (128, 256, 512, 1_024, 2_048)),
}


def model_of(label: str, size: Size) -> torch.nn.Module:
    """A language model of this row's mixer. One whose readout is an MLP gets no other beside it."""
    document: dict[str, Any] = {
        "width": size.width,
        "layers": size.layers,
        "mixer": MIXERS.get(label, label),
        "mlp": None if label.startswith("prism-lm") else {"type": "mlp", "ratio": 4},
        "tie_embeddings": True,
    }
    spec = seqzoo.load_registry().validate(ModelSpec, document)
    torch.manual_seed(0)
    return build_model(spec, vocab_size=size.vocabulary)


def step(model: Any, optimizer: torch.optim.Optimizer, tokens: torch.Tensor) -> None:
    """One training step on next tokens; bf16 on a GPU."""
    with torch.autocast(tokens.device.type, torch.bfloat16, enabled=tokens.is_cuda):
        logits, _ = model(tokens[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def measure(
    mixer: str, length: int, size: Size, device: torch.device, steps: int
) -> dict[str, Any]:
    """The median of a few steps after one that is not counted."""
    model = model_of(mixer, size).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    shape = (max(1, size.tokens // length), length + 1)
    tokens = torch.randint(0, size.vocabulary, shape, device=device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    times = []
    for number in range(steps + 1):
        _wait(device)
        start = time.perf_counter()
        step(model, optimizer, tokens)
        _wait(device)
        if number:
            times.append(time.perf_counter() - start)
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    return {
        "mixer": mixer,
        "length": length,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "tokens_per_s": shape[0] * length / statistics.median(times),
        "seconds": times,
        "peak_bytes": peak,
    }


def _mixer_of(label: str) -> str:
    """The registered mixer that a row measures."""
    mixer = MIXERS.get(label, label)
    return mixer if isinstance(mixer, str) else mixer["type"]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def show(rows: list[dict[str, Any]], lengths: tuple[int, ...]) -> None:
    """One line per mixer, a column a length."""
    print(f"{'mixer':20} {'parameters':>12}" + "".join(f"{length:>9,}" for length in lengths))
    for mixer in dict.fromkeys(row["mixer"] for row in rows):
        own = {row["length"]: row for row in rows if row["mixer"] == mixer}
        cells = (f"{own[n]['tokens_per_s']:>9,.0f}" if n in own else f"{'-':>9}" for n in lengths)
        print(f"{mixer:20} {next(iter(own.values()))['parameters']:>12,}" + "".join(cells))


def main(words: list[str] | None = None) -> dict[str, Any]:
    """Measure, print, and write JSON where asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    has_gpu = torch.cuda.is_available()
    parser.add_argument("--size", choices=SIZES, default="paper" if has_gpu else "small")
    parser.add_argument("--device", default="cuda" if has_gpu else "cpu")
    parser.add_argument("--mixers", nargs="+", default=list(MIXERS), metavar="NAME")
    parser.add_argument("--lengths", help="numbers, with commas between")
    parser.add_argument("--steps", type=int, default=3, help="that are counted")
    parser.add_argument("--json", type=Path, help="written after each measurement")
    parser.add_argument("--resume", action="store_true", help="keep what the file has measured")
    arguments = parser.parse_args(words)
    size, device = SIZES[arguments.size], torch.device(arguments.device)
    lengths = size.lengths
    if arguments.lengths:
        lengths = tuple(map(int, arguments.lengths.split(",")))
    known = seqzoo.load_registry().names("mixer")
    wanted = [label for label in arguments.mixers if _mixer_of(label) in known]
    absent = [label for label in arguments.mixers if label not in wanted]
    result: dict[str, Any] = {
        "machine": describe_machine(device),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "size": arguments.size,
        "tokens": size.tokens,
        "absent": absent,
    }
    rows = _earlier(arguments.json, result) if arguments.resume else []
    result["rows"] = rows
    for mixer in wanted:
        for length in lengths:
            if any((row["mixer"], row["length"]) == (mixer, length) for row in rows):
                continue
            rows.append(measure(mixer, length, size, device, arguments.steps))
            if arguments.json:
                arguments.json.parent.mkdir(parents=True, exist_ok=True)
                write_whole(arguments.json, json.dumps(result, indent=1) + "\n")
    print(f"tokens/s in training, {size.tokens:,} tokens a step, by length; {device}")
    show(rows, lengths)
    if absent:
        print("not installed: " + ", ".join(absent))
    print(PAPER)
    return result


def _earlier(path: Path | None, result: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an earlier run on such a machine."""
    if path is None or not path.is_file():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    return found["rows"] if {name: found.get(name) for name in result} == result else []


if __name__ == "__main__":
    main()
