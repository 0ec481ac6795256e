"""Mamba-2 against its recurrence, written out token by token."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.model.recurrent import RecurrentMixer
from seqzoo.operators import Place

from .transcription import Weights, agrees, convolved, gain_normed

REGISTRY = seqzoo.load_registry()
WIDTH, HEADS, GROUPS, STATE, SIZE = 16, 4, 2, 6, 8


def mamba2(weights: Weights, x: Tensor) -> Tensor:
    """a = exp(-exp(A) dt), S = a S + dt x B^T, y = S C + D x, then the gated norm of each group."""

    def mixed(name: str, size: int) -> Tensor:
        y = x @ weights[f"{name}.project.weight"].T
        y = convolved(y, weights[f"{name}.conv.weight"], weights[f"{name}.conv.bias"])
        return F.silu(y).view(len(x), -1, size)

    c, b = mixed("queries", STATE), mixed("injection.key", STATE)
    values = mixed("injection.value", SIZE)
    strength = "injection.strength.project"
    dt = F.softplus(x @ weights[f"{strength}.weight"].T + weights[f"{strength}.bias"])
    z = F.silu(x @ weights["readout.gate.weight"].T)
    state = [torch.zeros(SIZE, STATE, dtype=x.dtype) for _ in range(HEADS)]
    rows = []
    for t in range(len(x)):
        y = []
        for h in range(HEADS):
            g = h // (HEADS // GROUPS)
            a = torch.exp(-torch.exp(weights["forget.log_rate"][h]) * dt[t, h])
            state[h] = a * state[h] + dt[t, h] * torch.outer(values[t, h], b[t, g])
            y.append(state[h] @ c[t, g] + weights["readout.skip"][h] * values[t, h])
        gated = (torch.cat(y) * z[t]).view(GROUPS, -1)
        gain = weights["readout.weight"].view(GROUPS, -1)
        rows.append(weights["readout.project.weight"] @ gain_normed(gated, gain).flatten())
    return torch.stack(rows)


def test_it_is_the_published_recurrence() -> None:
    torch.manual_seed(0)
    spec = {"type": "mamba2", "heads": HEADS, "key_heads": GROUPS, "key_size": STATE}
    agrees(seqzoo.build_mixer(spec, WIDTH, REGISTRY).double(), mamba2)


def test_the_preset_has_the_official_sizes_and_draws() -> None:
    torch.manual_seed(0)
    mixer = seqzoo.build_mixer("mamba2", 256, REGISTRY)
    assert isinstance(mixer, RecurrentMixer)
    dims = mixer.dims
    assert (dims.heads, dims.key_heads, dims.key_size, dims.value_size) == (8, 1, 128, 64)
    rates = mixer.get_parameter("forget.log_rate").exp()
    assert 0.999 <= rates.min() < rates.max() <= 16.001
    steps = F.softplus(mixer.get_parameter("injection.strength.project.bias"))
    assert 0.999e-3 <= steps.min() < steps.max() <= 0.1001
    assert mixer.get_parameter("readout.skip").tolist() == [1.0] * 8


def test_a_step_needs_strengths() -> None:
    with pytest.raises(SpecError, match="give the injection strength: softplus"):
        seqzoo.build_mixer({"type": "recurrent", "forget": "step_size"}, 16, REGISTRY)


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "gated_deltaproduct", "decay": "step_size"},
        {"type": "eda", "forget": {"decay": "step_size"}},
        {"type": "gated_deltaproduct", "readout": "gated_skip"},
    ],
)
def test_micro_steps_decay_by_the_first_write_and_skip_with_the_last(spec: dict[str, Any]) -> None:
    torch.manual_seed(0)
    mixer = seqzoo.build_mixer(spec, 16, REGISTRY).double()
    x = torch.randn(1, 7, 16, dtype=torch.float64)
    y, _ = mixer(x)
    first, state = mixer(x[:, :3])
    rest, _ = mixer(x[:, 3:], state)
    torch.testing.assert_close(torch.cat([first, rest], 1), y)


def test_norm_groups_must_split_the_heads() -> None:
    readout = {"type": "gated_skip", "norm_groups": 3}
    with pytest.raises(ValueError, match="4 heads do not split into 3 norm_groups"):
        seqzoo.build_mixer({"type": "mamba2", "heads": 4, "readout": readout}, 16, REGISTRY)


def test_a_bounded_step_stays_between_its_bounds() -> None:
    strength = {"type": "bounded_softplus", "least": 0.5, "most": 1.0}
    gate = REGISTRY.spec("gate", strength).build(Place(WIDTH), 64)
    raw = F.softplus(gate.project(torch.ones(1, 1, WIDTH) * 3))
    found = gate(torch.ones(1, 1, WIDTH) * 3, None)
    assert found.min() == 0.5
    inside = (raw > 0.5) & (raw < 1.0)
    assert inside.any()
    assert torch.equal(found[inside], raw[inside])
    with pytest.raises(SpecError, match=r"least 0\.5 is not below most 0\.2"):
        REGISTRY.spec("gate", {**strength, "most": 0.2})
