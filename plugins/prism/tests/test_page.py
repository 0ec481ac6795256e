"""docs/prism.md says what the presets are: its table is made of their specs here, and compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import seqzoo
from seqzoo.operators import Place
from seqzoo_prism.released import RELEASED_TASKS

REGISTRY = seqzoo.load_registry()
PAGE = Path(__file__).parents[3] / "docs" / "prism.md"
PRESETS = ["prism", "prism-mom", "prism-probing", "prism-probing-depth2", "prism-lm"]
PRESETS += [f"prism-lm-r{number}" for number in range(2, 6)]
HEAD = (
    "| preset | anchor | steps | residual, chain | gains | keys | gates | forget | read "
    "| parameters at width 128 |"
)


def facts(name: str) -> list[str]:
    spec: Any = REGISTRY.spec("mixer", name)
    injection = spec.injection
    steps = getattr(injection, "then", injection)
    count = sum(p.numel() for p in spec.build(Place(128)).parameters())
    forget = spec.forget.part.name
    return [
        f"`{name}`",
        _anchor(spec.anchor),
        f"{'1 + ' if steps is not injection else ''}{steps.depth}",
        f"{steps.residual.replace('_', ' ')}, {steps.activation.part.name}, {steps.chain}",
        _gains(steps.gain),
        f"{steps.keys.of}, {_rank(steps.keys.rank)}, norm {steps.keys.norm.part.name}",
        f"{'bias' if steps.gate.bias else 'no bias'}, sigmoid on {steps.gate.squash}",
        f"{forget}, {spec.forget.decay.part.name}" if forget != "none" else "none",
        "transposed" if steps.swapped else "as written",
        f"{count:,}",
    ]


def _anchor(anchor: Any) -> str:
    extras = [anchor.activation.part.name, anchor.norm.part.name]
    named = [name for name in extras if name not in ("identity", "none")]
    bias = "with bias" if anchor.bias else "no bias"
    return ", ".join([f"kernel {anchor.kernel_size}", bias, *named])


def _gains(gain: Any) -> str:
    if gain.part.name == "linear":
        return "full"
    return f"{_rank(gain.rank)}{', sigmoid' if gain.bounded else ''}"


def _rank(rank: object) -> str:
    return "full" if rank is None else f"rank {rank}" if isinstance(rank, int) else "rank D/4"


def table() -> str:
    rule = "|" + "---|" * HEAD.count(" |")
    rows = ["| " + " | ".join(facts(name)) + " |" for name in PRESETS]
    return "\n".join([HEAD, rule, *rows])


def test_the_page_shows_ceilings_and_published_accuracies() -> None:
    if not PAGE.exists():
        pytest.skip("the documentation is not installed with the plugin")
    page = PAGE.read_text(encoding="utf-8")
    for task in RELEASED_TASKS:
        numbers = " | ".join(f"{value:.2f}" for value in (task.ceiling, *task.published))
        assert f"| `{task.name}` | {numbers} |\n" in page


def test_the_page_shows_the_presets_as_they_are() -> None:
    if not PAGE.exists():
        pytest.skip("the documentation is not installed with the plugin")
    assert table() in PAGE.read_text(encoding="utf-8")
