from typing import ClassVar

import pytest
import torch
from torch import nn

import seqzoo
from seqzoo.operators import Hint
from seqzoo.train.groups import parameter_groups
from seqzoo.train.optimizer import AdamW


class Gated(nn.Module):
    hints: ClassVar = {
        "gate": Hint(decay=False),
        "scale": Hint(decay=False, lr=2.0),
        "absent": Hint(lr=3.0),
    }

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Linear(2, 2)
        self.gate = nn.Linear(2, 2)
        self.scale = nn.Parameter(torch.ones(2, 2))
        self.absent = None
        self.frozen = nn.Parameter(torch.ones(2, 2), requires_grad=False)


def names_of(model: nn.Module) -> tuple[set[str], set[str]]:
    groups = parameter_groups(model)
    decayed = {name for group in groups if group.decay for name in group.names}
    return decayed, {name for group in groups if not group.decay for name in group.names}


def test_marks_and_dimensions_decide() -> None:
    model = nn.Sequential(nn.Embedding(3, 2), Gated(), nn.LayerNorm(2))
    decayed, others = names_of(model)
    assert decayed == {"0.weight", "1.matrix.weight"}
    gates = {"1.gate.weight", "1.gate.bias", "1.scale"}
    assert others == {"1.matrix.bias", *gates, "2.weight", "2.bias"}


def test_rates_make_groups_of_their_own_behind_the_full_one() -> None:
    model = nn.Sequential(Gated())
    groups = parameter_groups(model)
    assert [(group.decay, group.lr, group.size) for group in groups] == [
        (True, 1.0, 4),
        (False, 1.0, 2 + 4 + 2),
        (False, 2.0, 4),
    ]
    settings = AdamW.Spec(lr=0.5, weight_decay=0.1).build().make(model).param_groups
    assert [(group["lr"], group["weight_decay"]) for group in settings] == [
        (0.5, 0.1),
        (0.5, 0.0),
        (1.0, 0.0),
    ]


def test_the_innermost_hint_wins() -> None:
    class Outer(nn.Module):
        hints: ClassVar = {"inner": Hint(decay=False, lr=5.0)}

        def __init__(self) -> None:
            super().__init__()
            self.inner = Gated()

    rates = {name: group.lr for group in parameter_groups(Outer()) for name in group.names}
    assert rates["inner.matrix.weight"] == 5.0
    assert rates["inner.scale"] == 2.0


def test_a_mark_of_nothing_is_an_error() -> None:
    class Wrong(nn.Module):
        hints: ClassVar = {"gats": Hint(decay=False)}

    with pytest.raises(TypeError, match=r"Wrong\.hints: it has no 'gats'"):
        parameter_groups(Wrong())


def test_decays_and_strengths_of_the_layers_are_marked() -> None:
    mixers = [
        {"type": "prism"},
        {"type": "gated_deltanet"},
        {"type": "recurrent", "forget": {"type": "channel_decay"}},
        {
            "type": "recurrent",
            "forget": {"type": "delta", "key": {"norm": "unit"}, "strength": "sigmoid"},
        },
    ]
    layers = [{"mixer": mixer} for mixer in mixers]
    model = seqzoo.build_model({"width": 32, "layers": layers}, vocab_size=5)
    decayed, others = names_of(model)
    assert {name for name in others if name.endswith("project.weight")} == {
        *(f"blocks.{index}.mixer.forget.decay.project.weight" for index in (0, 1)),
        "blocks.0.mixer.injection.gates.project.weight",
        "blocks.1.mixer.injection.strength.project.weight",
        "blocks.3.mixer.forget.erase.strength.project.weight",
    }
    assert "blocks.2.mixer.forget.project.1.weight" in others
    assert {"embedding.weight", "blocks.0.mixer.readout.project.weight"} <= decayed


def test_decays_of_layers_without_a_forget_and_biases_with_two_axes_are_marked() -> None:
    """What weight decay would pull towards a gate of one half, whatever it is called."""
    names = {
        "kda": "forget.decay.project.1.weight",
        "hgrn": "forget.weight",
        "gsa": "forget.weight",
        "forgetting_attention": "forget.weight",
        "mamba1": "step_size.weight",
        "longhorn": "step_size.weight",
        "rglru": "forget_gate.weight",
        "rodimus": "rate.weight",
        "gated_deltanet2": "forget.gate.weight",
    }
    layers = [{"mixer": mixer} for mixer in names]
    model = seqzoo.build_model({"width": 32, "layers": layers}, vocab_size=5)
    decayed, others = names_of(model)
    assert not {name for name in decayed if name.endswith("bias")}
    for index, name in enumerate(names.values()):
        assert f"blocks.{index}.mixer.{name}" in others
