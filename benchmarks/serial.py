"""TTT as a token loop, in mini-batches, compiled and as a kernel, beside PRISM and gated DeltaNet.

The PRISM paper reports that it trains 174 times as many tokens a second as TTT; docs/ttt.md says
what that compares. Here every form of TTT-Linear computes the same numbers, in one shell, at equal
batch and length, forward and backward.

    python benchmarks/serial.py [--length 2048] [--heads 4] [--size 64] [--batch 1] [--json FILE]
    python benchmarks/serial.py --memory --lengths 1024,4096,16384 [--keep]

Forms are measured in turn, so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import seqzoo
from scanning.machine import describe_machine, describe_run, load_average
from seqzoo.model import Mixer

FORMS: dict[str, dict[str, Any]] = {
    "ttt-linear, token loop": {"type": "ttt-linear", "backend": "reference"},
    "ttt-linear, mini-batch 16": {"type": "ttt-linear", "backend": "chunked"},
    "ttt-linear, mini-batch 16, compiled": {
        "type": "ttt-linear",
        "backend": "chunked",
        "compile": True,
    },
    "ttt-linear, mini-batch 16, kernel": {"type": "ttt-linear", "backend": "triton"},
    "prism": {"type": "prism"},
    "gated_deltanet": {"type": "gated_deltanet"},
}

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def forms_on(device: torch.device, dtype: torch.dtype = torch.float32, size: int = 64) -> list[str]:
    """The forms that can be measured: the kernel needs a GPU, and in float32 a head of 32."""
    has_kernel = device.type == "cuda" and size <= (32 if dtype == torch.float32 else 64)
    return [form for form in FORMS if has_kernel or not form.endswith("kernel")]


def mixer_of(form: str, heads: int, size: int, device: torch.device) -> Mixer:
    """The mixer of a form, its parameters drawn from seed 0."""
    torch.manual_seed(0)
    spec = {**FORMS[form], "heads": heads}
    return seqzoo.build_mixer(spec, heads * size, seqzoo.load_registry()).to(device)


def passes(mixer: Mixer, x: Tensor) -> Callable[[], Tensor]:
    """One forward and backward pass."""

    def run() -> Tensor:
        mixer.zero_grad(set_to_none=True)
        y, _ = mixer(x)
        y.square().mean().backward()
        return y.detach()

    return run


def measure(
    heads: int,
    size: int,
    batch: int,
    length: int,
    rounds: int,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> list[dict[str, Any]]:
    """Seconds of each form, in turn, after one pass that is not counted."""
    x = torch.randn(batch, length, heads * size, device=device, dtype=dtype)
    forms = forms_on(device, dtype, size)
    runs = {form: passes(mixer_of(form, heads, size, device).to(dtype), x) for form in forms}
    seconds: dict[str, list[float]] = {form: [] for form in forms}
    for number in range(rounds + 1):
        for form, run in runs.items():
            _wait(device)
            start = time.perf_counter()
            run()
            _wait(device)
            if number:
                seconds[form].append(time.perf_counter() - start)
    return [
        {
            "form": form,
            "tokens_per_s": batch * length / statistics.median(taken),
            "seconds": taken,
        }
        for form, taken in seconds.items()
    ]


def peak_of_one_pass(heads: int, size: int, length: int, form: str, *, keep: bool = False) -> int:
    """Bytes that a forward and backward pass adds to the process's peak; for a fresh process.

    `keep` computes nothing again for the gradient.
    """
    x = torch.randn(1, length, heads * size)
    mixer = mixer_of(form, heads, size, torch.device("cpu"))
    if keep:
        rule: Any = mixer.get_submodule("rule")
        rule.recompute = None
    passes(mixer, x[:, :32])()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    passes(mixer, x)()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024


def memory(heads: int, size: int, lengths: list[int], *, keep: bool) -> list[dict[str, Any]]:
    """The peak of the dual form by length, each in a process of its own."""
    rows = []
    for length in lengths:
        words = ["--one-pass", str(length), "--heads", str(heads), "--size", str(size)]
        words += ["--keep"] if keep else []
        told = subprocess.run(
            [sys.executable, __file__, *words], check=True, capture_output=True, text=True
        )
        rows.append({"length": length, "peak_bytes": int(told.stdout), "keep": keep})
    return rows


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main(words: list[str] | None = None) -> dict[str, Any]:
    """Measure, print, and write JSON where asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--size", type=int, default=64, help="features of a head")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3, help="that are counted")
    parser.add_argument("--dtype", choices=DTYPES, default="float32")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--memory", action="store_true", help="measure memory by length instead")
    parser.add_argument("--lengths", default="1024,4096,16384", help="for --memory")
    parser.add_argument("--keep", action="store_true", help="for --memory: nothing computed again")
    parser.add_argument("--one-pass", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    own = parser.parse_args(words)
    if own.one_pass:
        form = "ttt-linear, mini-batch 16"
        print(peak_of_one_pass(own.heads, own.size, own.one_pass, form, keep=own.keep))
        return {}
    result: dict[str, Any] = {
        "machine": describe_machine(torch.device(own.device)),
        **describe_run(),
        "threads": torch.get_num_threads(),
        "heads": own.heads,
        "size": own.size,
    }
    if own.memory:
        lengths = [int(length) for length in own.lengths.split(",")]
        result["memory"] = rows = memory(own.heads, own.size, lengths, keep=own.keep)
        for row in rows:
            print(f"{row['length']:>8,} tokens: {row['peak_bytes'] / 2**20:8.1f} MiB")
    else:
        device = torch.device(own.device)
        result |= {"batch": own.batch, "length": own.length}
        result |= {"device": own.device, "dtype": own.dtype}
        result["rows"] = rows = measure(
            own.heads, own.size, own.batch, own.length, own.rounds, device, DTYPES[own.dtype]
        )
        result["load_average_after"] = load_average()
        slowest = rows[0]["tokens_per_s"]
        for row in rows:
            speed = row["tokens_per_s"]
            print(f"{row['form']:36} {speed:>12,.0f} tokens/s {speed / slowest:8.1f} x")
    if own.json:
        own.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


if __name__ == "__main__":
    main()
