"""Routed memories against a loop over tokens and memories, and what routes do to states."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.model import Mixer
from seqzoo.operators import Place, Stream
from seqzoo.testing import error_ratio

from .restatements.mom import mom_balance, prism_mom, prism_mom_parameters
from .restatements.pairs import Where, agree, put

REGISTRY = seqzoo.load_registry()


def build(spec: object, width: int) -> Mixer:
    torch.manual_seed(0)
    return REGISTRY.spec("mixer", spec).build(Place(width)).double()


def inputs(width: int, length: int = 9) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, length, width, generator=generator, dtype=torch.float64)


def places(width: int, heads: int, depth: int, memories: int) -> dict[str, Where]:
    found = {
        "conv": Where("anchor.conv.weight"),
        "query": Where("queries.project.weight"),
        "out": Where("readout.project.weight"),
        "router": Where("router.weight"),
    }
    for m in range(memories + 1):
        injection = f"injections.{m - 1}" if m else "injection"
        forget = f"forgets.{m - 1}" if m else "forget"
        found[f"value_{m}"] = Where(f"{injection}.value.project.weight")
        found[f"alpha_{m}"] = Where(f"{forget}.decay.project.weight")
        found[f"alpha_bias_{m}"] = Where(f"{forget}.decay.project.bias")
        for step in range(depth):
            of_step = slice(step * width, (step + 1) * width)
            of_gate = slice(step * heads, (step + 1) * heads)
            found[f"key{step}_{m}"] = Where(f"{injection}.keys.project.down.weight", of_step)
            found[f"gain{step}_{m}"] = Where(f"{injection}.gain.project.weight", of_step)
            found[f"gate{step}_{m}"] = Where(f"{injection}.gates.project.weight", of_gate)
    return found


@pytest.mark.parametrize(
    ("heads", "depth", "memories", "k"), [(2, 2, 4, 2), (1, 1, 3, 1), (2, 3, 2, 2)]
)
def test_prism_mom_is_its_equations(heads: int, depth: int, memories: int, k: int) -> None:
    width = 8
    sizes = {"heads": heads, "depth": depth, "memories": memories, "top_k": k}
    agree(
        prism_mom_parameters(width, heads, depth, memories),
        build({"type": "prism-mom", **sizes}, width),
        places(width, heads, depth, memories),
        lambda p, x: prism_mom(p, x, heads, depth, k),
        inputs(width),
    )


def test_its_loss_is_that_of_unequal_use() -> None:
    width = 8
    p = prism_mom_parameters(width, 1, 2, 4)
    mixer = build({"type": "prism-mom", "heads": 1, "balance": 0.5}, width)
    put(p, mixer, places(width, 1, 2, 4))
    x = inputs(width)
    stream = Stream.over(x)
    mixer.mix(x, stream)
    loss, expected = stream.handed().losses["memory_balance"], 0.5 * mom_balance(p, x, 2)
    assert error_ratio(loss, expected) < 1e-12
    mine = torch.autograd.grad(loss, mixer.get_parameter("router.weight"))[0]
    assert error_ratio(mine, torch.autograd.grad(expected, p["router"])[0]) < 1e-12


def test_a_memory_that_no_token_reaches_stays_empty() -> None:
    mixer = build({"type": "prism-mom", "top_k": 1}, 8)
    x = inputs(8).abs()
    with torch.no_grad():
        mixer.get_parameter("router.weight").copy_(torch.eye(4).repeat_interleave(8, 1)[:, 7:15])
    _, state = mixer(x)
    reached = state["memories"]["routed.state"].flatten(2).abs().amax(-1) > 0
    assert reached.any(dim=1).all()
    chosen = torch.zeros_like(reached).scatter(1, mixer.get_submodule("router")(x).argmax(-1), True)
    assert reached.equal(chosen)


def test_any_injection_goes_with_any_forget() -> None:
    """Writes of rank one and two, decay, erase or neither; documents against token by token."""
    for injection, forget in (
        ("rank_one", "head_decay"),
        ("residual_refinement", "none"),
        ({"type": "residual_refinement", "keys": {"norm": "none"}, "swapped": True}, "none"),
        ("residual_refinement", "gated_delta"),
    ):
        spec = {"type": "routed_memories", "injection": injection, "forget": forget}
        mixer = build(spec, 8)
        x, bounds = inputs(8)[:1], torch.tensor([0, 4, 4, 9])
        y, state = mixer(x, cu_seqlens=bounds)
        for n, (begin, end) in enumerate(((0, 4), (4, 4), (4, 9))):
            carried = mixer.initial_state(1)
            for t in range(begin, end):
                found, carried = mixer.step(x[:, t], carried)
                assert error_ratio(y[:, t], found) < 1e-12
            kept = state["memories"]["routed.state"][n]
            assert error_ratio(kept, carried["memories"]["routed.state"][0]) < 1e-12


def test_more_choices_than_memories_are_refused() -> None:
    with pytest.raises(SpecError, match="top_k 5 of 4 memories; it is at most their number"):
        REGISTRY.spec("mixer", {"type": "prism-mom", "top_k": 5})
