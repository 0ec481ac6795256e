"""Layers against transformers' modules of the same function: forward + backward at width 256.

    python benchmarks/layers.py [--tokens 2048] [--threads 2] [--only mamba2] [--json FILE]

Each module is built with the sizes below and read by `seqzoo_gla.from_transformers`, so that both
have the same weights and give the same outputs, which is checked on 64 tokens first. Both take
turns, and medians count; MambaMixer, which takes more than a minute, is timed once and not warmed
up. Needs `pip install -c constraints.txt transformers==5.24.0`, and no flash-linear-attention
beside it: with that installed transformers' modules call its GPU kernels.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import seqzoo
from scanning.machine import describe_machine, describe_run
from seqzoo.bench.timing import take_turns
from seqzoo.testing import error_ratio
from seqzoo.train.allocator import keep_freed_memory
from seqzoo_gla import from_transformers

WIDTH, CLOSE, SHORT = 256, 1e-5, 64
COMMON: dict[str, Any] = {"hidden_size": WIDTH, "num_hidden_layers": 2, "vocab_size": 32}
DELTA_NET = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 64,
    "linear_value_head_dim": 64,
}


@dataclass(frozen=True)
class Pair:
    """A module of transformers, and how many times as fast its mixer is wanted to be.

    Attributes:
        model: transformers.models.MODEL.modeling_MODEL.
        config, module: its classes.
        wanted: times as fast.
        sizes: of the config, beside the common ones.
        once: it is timed once.
    """

    model: str
    config: str
    module: str
    wanted: float
    sizes: dict[str, Any] = field(default_factory=dict)
    once: bool = False

    def build(self) -> nn.Module:
        """The module in training mode, its parameters drawn: some classes leave theirs unset."""
        models = importlib.import_module(f"transformers.models.{self.model}.modeling_{self.model}")
        config = getattr(models, self.config)(**COMMON, **self.sizes)
        torch.manual_seed(0)
        module: nn.Module = getattr(models, self.module)(config, layer_idx=0)
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                drawn = torch.randn(parameter.shape)
                if parameter.ndim < 2 or name.endswith("A_log"):
                    drawn = drawn / 2 + (1 if "norm" in name else 0)
                else:
                    drawn = drawn * parameter[0].numel() ** -0.5
                parameter.copy_(drawn)
        return module


PAIRS = {
    "mamba2": Pair(
        "mamba2",
        "Mamba2Config",
        "Mamba2Mixer",
        2.0,
        {"num_heads": 8, "head_dim": 64, "state_size": 128, "n_groups": 1},
    ),
    "gated_deltanet": Pair(
        "qwen3_next", "Qwen3NextConfig", "Qwen3NextGatedDeltaNet", 1.5, DELTA_NET
    ),
    "kda": Pair(
        "kimi_linear",
        "KimiLinearConfig",
        "KimiLinearDeltaAttention",
        1.5,
        {"linear_num_heads": 4, "linear_head_dim": 64},
    ),
    "mamba1": Pair("mamba", "MambaConfig", "MambaMixer", 100.0, once=True),
}


def outputs(layer: nn.Module, x: Tensor) -> Tensor:
    """y (B, T, D) of a module or a mixer."""
    found = layer(x)
    return found[0] if isinstance(found, tuple) else found


def training(layer: nn.Module, x: Tensor) -> Callable[[], Any]:
    """Forward, and the gradients of x and every parameter."""
    x = x.clone().requires_grad_()
    leaves = [x, *layer.parameters()]

    def run() -> tuple[Tensor | None, ...]:
        y = outputs(layer, x)
        return torch.autograd.grad(y, leaves, torch.ones_like(y), allow_unused=True)

    return run


def measure(name: str, pair: Pair, tokens: int, seconds: float) -> dict[str, Any]:
    """Both times, their ratio, and how far the outputs are apart."""
    module = pair.build()
    mixer = from_transformers(module, seqzoo.load_registry())
    x = torch.randn(1, tokens, WIDTH, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        apart = error_ratio(outputs(mixer, x[:, :SHORT]), outputs(module, x[:, :SHORT]))
    if not apart <= CLOSE:
        raise SystemExit(f"{name}: the outputs differ, error ratio {apart:.1e}: nothing to compare")
    functions = {"ours": training(mixer, x), "theirs": training(module, x)}
    if pair.once:
        theirs = functions.pop("theirs")
        start = time.perf_counter()
        theirs()
        theirs_ms = 1e3 * (time.perf_counter() - start)
        ours_ms = take_turns(functions, seconds).get("ours")
        assert ours_ms is not None
        times = {"ours_ms": ours_ms.median_ms, "theirs_ms": theirs_ms}
    else:
        found = take_turns(functions, seconds)
        times = {f"{each}_ms": timing.median_ms for each, timing in found.items()}
    return {
        "mixer": name,
        "module": pair.module,
        "tokens": tokens,
        **{key: float(f"{value:.4g}") for key, value in times.items()},
        "times_as_fast": float(f"{times['theirs_ms'] / times['ours_ms']:.3g}"),
        "wanted": pair.wanted,
        "error_ratio": float(f"{apart:.2g}"),
    }


def main(words: list[str] | None = None) -> int:
    """Measure, print one line per layer, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=8.0, help="of turns, at least 5")
    parser.add_argument("--only", action="append", choices=PAIRS)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(words)
    if importlib.util.find_spec("transformers") is None or importlib.util.find_spec("fla"):
        parser.error("transformers is wanted, and no fla beside it: see the top of this file")
    torch.set_num_threads(asked.threads)
    keep_freed_memory()
    record = {
        "machine": describe_machine(torch.device("cpu")),
        "run": describe_run(),
        "rows": [],
    }
    print(f"{'mixer':16}{'module':28}{'ours ms':>10}{'theirs ms':>11}{'times':>8}{'wanted':>8}")
    for name in asked.only or PAIRS:
        row = measure(name, PAIRS[name], asked.tokens, asked.seconds)
        record["rows"].append(row)
        print(
            f"{name:16}{row['module']:28}{row['ours_ms']:>10,.1f}{row['theirs_ms']:>11,.1f}"
            f"{row['times_as_fast']:>8.2f}{row['wanted']:>8.1f}",
            flush=True,
        )
        if asked.json:
            asked.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
