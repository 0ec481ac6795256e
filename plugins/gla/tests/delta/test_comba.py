"""Comba against its recurrence, token by token; and what its released code makes of it."""

import pytest
import torch
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.operators import Place

from .transcript import (
    REGISTRY,
    Weights,
    build,
    convolved,
    holds,
    mamba_decay,
    per_head,
    rms,
    unit,
)

SIZE = 8


def layer(weights: Weights, x: Tensor, released: bool) -> Tensor:
    """S <- alpha S - beta (S p) k^T + beta v k^T, o = S (q - D p); p read before the decay."""
    raw_q = convolved(weights, "queries", x, SIZE)
    raw_k = convolved(weights, "injection.key", x, SIZE)
    damping = torch.sigmoid(weights["injection.damping"]).unsqueeze(-1)
    q = per_head(unit(raw_q - weights["queries.correction"].unsqueeze(-1) * damping * raw_k), 2)
    k = per_head(unit(raw_k), 2)
    p = per_head(unit(damping * raw_k) if released else damping * unit(raw_k), 2)
    v = convolved(weights, "injection.value", x, SIZE)
    beta = torch.sigmoid(x @ weights["injection.strength.project.weight"].T)
    alpha = mamba_decay(weights, "forget.decay", x)
    state = torch.zeros(2, SIZE, SIZE, dtype=torch.float64)
    reads = []
    for t in range(len(x)):
        found = torch.einsum("hvk,hk->hv", state, p[t])
        update = torch.einsum("h,hv,hk->hvk", beta[t], v[t] - found, k[t])
        state = alpha[t].view(2, 1, 1) * state + update
        reads.append(torch.einsum("hvk,hk->hv", state, q[t]) * SIZE**-0.5)
    normed = rms(torch.stack(reads), weights["readout.norm.weight"]).flatten(1)
    gate = torch.sigmoid(x @ weights["readout.gate.weight"].T)
    return (normed * gate) @ weights["readout.project.weight"].T


@pytest.mark.parametrize("key_heads", [2, 1])
@pytest.mark.parametrize("released", [False, True])
def test_it_is_its_recurrence(key_heads: int, released: bool) -> None:
    spec = {"type": "comba", "heads": 2, "key_heads": key_heads, "released": released}
    holds(build(spec), lambda weights, x: layer(weights, x, released))


def test_as_released_the_erase_does_not_depend_on_d() -> None:
    """With D = 0, so that d acts through the erase alone: as published it matters, else not."""
    x = torch.randn(1, 19, 16, dtype=torch.float64)
    changes = {}
    for released in (False, True):
        mixer = build({"type": "comba", "heads": 2, "released": released})
        outputs = []
        for damping in (-2.0, 4.0):
            with torch.no_grad():
                mixer.get_parameter("queries.correction").zero_()
                mixer.get_parameter("injection.damping").fill_(damping)
                outputs.append(mixer(x)[0])
        changes[released] = float((outputs[0] - outputs[1]).abs().max())
    assert changes[True] < 1e-3 < 1e-2 < changes[False]


def test_d_and_the_correction_start_at_their_values() -> None:
    mixer = REGISTRY.spec("mixer", {"type": "comba", "correction": 0.02})
    built = mixer.build(Place(128))
    assert torch.equal(built.injection.damping, torch.ones(2))
    assert torch.equal(built.queries.correction, torch.full((2,), 0.02))


def test_its_parts_need_each_other() -> None:
    with pytest.raises(SpecError, match="use forget: paired_delta"):
        REGISTRY.spec("mixer", {"type": "comba", "forget": "gated_delta"})
    with pytest.raises(SpecError, match="a vector that 'rank_one' does not make"):
        REGISTRY.spec("mixer", {"type": "gated_deltanet", "forget": "paired_delta"})
    with pytest.raises(SpecError, match="give the injection strength: sigmoid"):
        REGISTRY.spec("mixer", {"type": "comba", "strength": "softplus"})


@pytest.mark.parametrize(
    ("preset", "changes", "why"),
    [
        ("comba", {"strength": "twice_sigmoid"}, "erases up to 2 .* more than 1 .* sigmoid"),
        ("comba", {"injection": {"key": {"norm": "none"}}}, "give the injection's key norm: unit"),
        ("preconditioned_deltanet", {"strength": "twice_sigmoid"}, "up to 3 .* more than 2"),
        (
            "preconditioned_deltanet",
            {"forget": {"before_decay": True}},
            r"up to 1\.5 .* more than 1 .* write before_decay: false",
        ),
    ],
)
def test_erases_that_let_the_state_grow_are_refused(
    preset: str, changes: dict[str, object], why: str
) -> None:
    with pytest.raises(SpecError, match=why):
        REGISTRY.spec("mixer", {"type": preset, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"strength": "twice_sigmoid", "forget": {"before_decay": False}},
        {"type": "preconditioned_deltanet", "injection": {"limit": 2.0}},
    ],
)
def test_erases_that_pass_keep_the_state_bounded(changes: dict[str, object]) -> None:
    """The same token 400 times, at the strongest erase: its key is reflected, no more."""
    torch.manual_seed(0)
    mixer = REGISTRY.spec("mixer", {"type": "comba", "heads": 1, **changes}).build(Place(16))
    gate = mixer.get_submodule("injection.strength.project")
    with torch.no_grad():
        gate.weight.copy_(100 * gate.weight.sign())
        mixer.get_submodule("forget.decay").log_rate.fill_(-6.0)
        x = gate.weight[0].sign().expand(1, 400, 16)
        _, state = mixer(x)
    memory = max((each for each in state.values() if each.ndim == 4), key=torch.numel)
    assert memory.abs().max() < 1e3
