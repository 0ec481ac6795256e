"""100,000 tokens streamed through each variant in bf16, beside float32 with the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

import seqzoo
from seqzoo.operators import Place

REGISTRY = seqzoo.load_registry()
OF_PRISM = ["depth1", "linear", "no-anchor", "constant-gain", "mom"]
FORGETFUL = ["prism", "prism-lm", *(f"prism-{each}" for each in OF_PRISM)]
FORGETFUL += [f"prism-lm-r{n}" for n in range(2, 6)]
TOKENS, PIECE, WIDTH = 100_000, 4_000, 32
TOLERANCE = 0.03  # RMS error over RMS, of a piece; bf16 has 8 bits, and projections several terms


def memories(state: Any) -> Iterator[torch.Tensor]:
    """Every memory in a mixer's state: `memory.state`, and the routed ones of `prism-mom`."""
    for name, entry in state.items():
        if not isinstance(entry, torch.Tensor):
            yield from memories(entry)
        elif name.endswith(".state"):
            yield entry


@pytest.mark.parametrize("name", [*FORGETFUL, "prism-probing", "prism-probing-depth2"])
def test_outputs_stay_finite_and_close_to_float32(name: str) -> None:
    torch.manual_seed(0)
    half = REGISTRY.spec("mixer", name).build(Place(WIDTH)).bfloat16()
    full = REGISTRY.spec("mixer", name).build(Place(WIDTH)).float()
    full.load_state_dict({key: value.float() for key, value in half.state_dict().items()})
    generator = torch.Generator().manual_seed(0)
    of_half = of_full = None
    norms = []
    with torch.no_grad():
        for _ in range(TOKENS // PIECE):
            x = torch.randn(1, PIECE, WIDTH, generator=generator).bfloat16()
            y, of_half = half(x, of_half)
            expected, of_full = full(x.float(), of_full)
            assert y.isfinite().all()
            error = (y.float() - expected).square().mean() / expected.square().mean()
            assert float(error.sqrt()) < TOLERANCE
            norms.append([float(memory.norm()) for memory in memories(of_half)])
    assert len(norms[0]) == (2 if name == "prism-mom" else 1)
    for first, *later in zip(*norms, strict=True):
        if name in FORGETFUL:
            assert max(later) < 2 * first
        else:  # it forgets nothing: its state is a sum, of which no token adds more than another
            assert later[-1] < 1.5 * TOKENS / PIECE * first
